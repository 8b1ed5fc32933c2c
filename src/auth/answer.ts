import type { MaybePromise } from '../core/access.ts'
import { BrokenPart, isRefusal } from '../core/errors.ts'

/**
 * What the store answers about rights and keys. Whatever breaks in it becomes a refusal, `unavailable`, and never a permission (SE-17).
 * The operator hears of the cause where the request is answered.
 */
export async function answerOf<T>(answer: MaybePromise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw unavailable(error)
  }
}

/** The same for a question, answered at once where the store does. */
export function askedOf<T>(ask: () => MaybePromise<T>): MaybePromise<T> {
  try {
    const answer = ask()
    return answer instanceof Promise ? answerOf(answer) : answer
  } catch (error) {
    throw unavailable(error)
  }
}

function unavailable(error: unknown): unknown {
  if (isRefusal(error)) return error
  const sentence = 'who may do what cannot be read at the moment; try again later'
  return new BrokenPart('unavailable', sentence, {}, { cause: error })
}
