//go:build race

package keep_test

// shortYears is how many years are simulated where nobody says how many: under the race detector, which has nothing to find in a
// simulation without goroutines, a few.
const shortYears = 3
