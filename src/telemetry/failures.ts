import { isRefusal } from '../core/errors.ts'
import type { Log } from '../core/log.ts'

const AT_MOST_EVERY = 1000

/**
 * Tells the operator of back ends that fail, once a second at most: clients get a refusal without the cause, which is for here.
 * Refusals that are the client's doing are no failures.
 */
export function failureLog(part: string, log: Log, now: () => number = () => performance.now()) {
  let next = Number.NEGATIVE_INFINITY
  let silent = 0
  return (operation: string, error: unknown): void => {
    if (isRefusal(error) && !isRefusal(error, 'unavailable') && !isRefusal(error, 'storage-full')) return
    if (now() < next) {
      silent++
      return
    }
    next = now() + AT_MOST_EVERY
    const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined }
    log.warn(`the ${part} failed`, {
      operation,
      error: message,
      cause: cause instanceof Error ? cause.message : undefined,
      alike: silent > 0 ? silent : undefined,
    })
    silent = 0
  }
}
