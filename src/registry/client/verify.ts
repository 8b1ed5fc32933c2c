import { algorithmOf, type Digest, finishHash, newHash } from '../../core/digest.ts'

/**
 * Passes bytes on and throws at the end – before the last chunk is given – when there are not exactly `size` of them, or, where a
 * digest is named, when they have another one: whoever passes them on never completes a wrong body (CO-5).
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  size: number,
  digest: Digest | undefined,
): AsyncGenerator<Uint8Array> {
  const algorithm = digest === undefined ? undefined : algorithmOf(digest)
  const hash = algorithm === undefined ? undefined : newHash(algorithm)
  let held: Uint8Array | undefined
  let received = 0
  for await (const chunk of source) {
    received += chunk.byteLength
    if (received > size) throw new Error(`the upstream sent more than the ${size} bytes it announced`)
    hash?.update(chunk)
    if (held !== undefined) yield held
    held = chunk
  }
  if (received < size) throw new Error(`the upstream sent ${received} bytes of ${size}`)
  if (hash !== undefined && algorithm !== undefined && finishHash(algorithm, hash) !== digest) {
    throw new Error(`the upstream sent other content than ${digest}`)
  }
  if (held !== undefined) yield held
}
