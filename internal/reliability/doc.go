// Package reliability holds the proof that nothing is lost and nothing is done twice: tests of the whole function against
// death at every step, every answer of every service, duplicates, deadlines, odd input and foreign hands.
//
// The compiled function is killed for real in a local AWS account. What needs hours and nights runs in a world: the same
// handler and the same SDK clients in one process, in virtual time, with every call to AWS held until the world decides
// which one goes next and what becomes of it. So a world with the same seed goes the same way every time.
package reliability
