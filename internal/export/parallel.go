package export

import "sync"

// maxConcurrentCalls is how many calls to AppStream go out at a time. Its rates are not documented; eight finish 50
// exports in a few seconds and stay far below what the consoles of a busy account send.
const maxConcurrentCalls = 8

// inParallel does the same for each item, maxConcurrentCalls at a time, and returns when all are done.
func inParallel[T any](items []T, do func(T)) {
	next := make(chan T)
	var workers sync.WaitGroup
	for range min(maxConcurrentCalls, len(items)) {
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
