package export

import "sync"

// width is how many calls to AppStream go out at a time. Its rates are not documented; eight finish 50
// exports in a few seconds and stay far below what the consoles of a busy account send.
const width = 8

// inParallel does the same for each item, width at a time, and returns when all are done.
func inParallel[T any](items []T, do func(T)) {
	next := make(chan T)
	var workers sync.WaitGroup
	for range min(width, len(items)) {
		workers.Go(func() {
			for item := range next {
				do(item)
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	workers.Wait()
}
