/** Body bytes after which the collector is reminded. */
const REMIND_AFTER = 16 * 1024 * 1024
/** ms between two reminders at least, and how many times a collection's own time has to pass before the next. */
const AT_MOST_EVERY = 1000
const REST = 50

/**
 * Counts the bytes of request bodies and reminds the runtime's collector of them. Each chunk is memory outside of its heap, which
 * it takes back only once the heap has grown: a few hundred slow uploads would hold twice what they need. Collecting so takes
 * at most a fiftieth of the time.
 */
export function chunkReminder(
  collect: () => void,
  now: () => number = () => performance.now(),
): (bytes: number) => void {
  let arrived = 0
  let next = now() + AT_MOST_EVERY
  return (bytes) => {
    arrived += bytes
    if (arrived < REMIND_AFTER) return
    const start = now()
    if (start < next) return
    arrived = 0
    collect()
    const end = now()
    next = end + Math.max(AT_MOST_EVERY, (end - start) * REST)
  }
}
