//go:build !race

package keep_test

// shortYears is how many years are simulated where nobody says how many: a few seconds' worth. make years has a thousand.
const shortYears = 12
