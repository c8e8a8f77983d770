// Package export is the domain: which images are meant, what their AMIs are called, what is to be done about each, and doing it
// with AppStream's export API. It is the only package that knows AppStream's types and error codes.
//
// # The crash protocol
//
// The process may be killed between any two calls. There is no store but AppStream itself, the images' tags and the queue, so what
// is written where, and in which order, decides what is known afterwards:
//
//  1. A start (CreateExportImageTask) puts the trigger's id on the task as a tag. From here on AppStream knows whose task it is.
//  2. ExportStarted is published, or queued where SNS does not take it.
//  3. The watch on the task is queued.
//  4. At the end of the task the watch sets the mark on the image, and only then publishes the end, or queues it.
//  5. The message of the watch is deleted.
//
// Whatever led here is delivered again until it is through with 3 for each of its starts, whoever was killed: Lambda repeats a
// trigger, SQS a queued request. Delivered again, it finds its own task by the trigger's id and decides Announce, which repeats 2
// and 3: nobody can know whether they were done. What is told twice has the same id both times. Where it finds its task completed
// and the image marked, the watch has been at work (4), so 2 and 3 were done before, and it skips. A mark that a sweep has set since
// it was lost says so in a tag of its own, and does not count for this.
//
// That is why the watch comes after the announcement: were it queued first and the process killed before the announcement, a quick
// export could be marked before the trigger comes again, and would never be told to have started. And it is why a queued request
// keeps the images that it started until they are announced, and then shrinks to the others.
//
// Of two tasks that one trigger started under one AMI name, because an answer was lost, one fails. Its watch looks for the other
// one (FindTwin) and announces it, since the process that started it may have been killed before.
package export
