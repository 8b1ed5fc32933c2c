import type { Call } from '../core/context.ts'
import { BrokenPart } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { isTold } from './problem.ts'

/** Tells the operator of what broke, by the number of the request: what is no refusal, and what a refusal hides. */
export function logFailure(
  error: unknown,
  { method }: Pick<Request, 'method'>,
  { requestId }: Pick<Call, 'requestId'>,
  log: Log,
): void {
  if (isTold(error) && !(error instanceof BrokenPart)) return
  const broke = error instanceof BrokenPart ? error.cause : error
  log.error('a call of the API failed', {
    requestId,
    method,
    error: broke instanceof Error ? (broke.stack ?? broke.message) : String(broke),
  })
}
