/** Bytes in chunks of a size, as a request's body arrives. */
export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

/** Several runs of bytes as one. */
export function together(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts)
}

/** What a promise rejects with. Throws when it does not. */
export async function rejection(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('expected a rejection, but it went well')
}
