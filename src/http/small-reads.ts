import { closeSync, openSync, readSync } from 'node:fs'

/** Up to here reading a span and sending it costs less than handing the file to the runtime (14 against 22 µs at 4 KiB). */
export const SMALL_SPAN = 64 * 1024

/** One for the process: an answer copies its bytes when it is made, and nothing waits between the read and that. */
const shared = Buffer.allocUnsafeSlow(SMALL_SPAN)

/**
 * The bytes of a small span of a file, to be used before anything else is done: the next call writes over them. Throws when the
 * file is gone or ends before the span does.
 */
export function readSmall(path: string, start: number, end: number): Uint8Array {
  const fd = openSync(path, 'r')
  try {
    const wanted = end - start
    let got = 0
    while (got < wanted) {
      const read = readSync(fd, shared, got, wanted - got, start + got)
      if (read === 0) throw new Error(`${path} ends at byte ${start + got}; ${end} were to be read`)
      got += read
    }
    return shared.subarray(0, wanted)
  } finally {
    closeSync(fd)
  }
}
