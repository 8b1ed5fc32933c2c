import { isRefusal, RegistryError } from '../core/errors.ts'

/**
 * What the store answers about rights and keys. Whatever breaks in it becomes a refusal, `unavailable`, and never a permission (SE-17).
 * The operator hears of the cause where the store's calls are timed.
 */
export async function answerOf<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (isRefusal(error)) throw error
    const sentence = 'who may do what cannot be read at the moment; try again later'
    throw new RegistryError('unavailable', sentence, {}, { cause: error })
  }
}
