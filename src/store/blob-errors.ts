import { RegistryError, refuse } from '../core/errors.ts'

/** The refusal for a full disk (ENOSPC) or quota (EDQUOT); any other error as it is. */
export function storageError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  const what = code === 'ENOSPC' ? 'has no space left' : 'has used up its quota'
  return new RegistryError(
    'storage-full',
    `the storage of this registry ${what}; delete content or give it more room, then push again`,
    {},
    { cause: error },
  )
}

/** The refusal for an unfinished object with fewer bytes than its session says. */
export function uploadLost(expected: number, actual: number): RegistryError {
  return refuse(
    'upload-unknown',
    `this upload should hold ${expected} bytes, but storage has ${actual} of them; start a new one`,
  )
}

/** The error for sealing an object that is not there or too short: the caller's books are wrong. */
export function tooShort(key: string, expected: number, actual: number | undefined): Error {
  const is = actual === undefined ? 'is not stored' : `has ${actual} bytes`
  return new Error(`object ${key} ${is}, so it cannot be sealed at ${expected} bytes`)
}
