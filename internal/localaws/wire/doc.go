// Package wire holds the emulators of EC2, Parameter Store and Recycle Bin against the real SDK clients, and against moto,
// which nobody here wrote. It is a package of its own, and its tests are not built under the race detector, because the SDK's
// client of EC2 alone takes over a minute to compile.
package wire
