import { randomBytes } from 'node:crypto'
import type { Parts } from './connection.ts'

const BLOCK = 1024 * 1024
const SUFFIX = 16

/** Bytes to push, with the digest they have. */
export interface Payload {
  readonly size: number
  readonly digest: string
  readonly parts: Parts
}

/**
 * Makes payloads of one size, each of its own content. They differ in their last bytes only and share the rest, so that the client
 * neither makes nor hashes them while it measures.
 */
export function payloads(size: number): () => Payload {
  const block = new Uint8Array(randomBytes(Math.min(BLOCK, size - SUFFIX)))
  const shared: Uint8Array[] = []
  const state = new Bun.CryptoHasher('sha256')
  for (let left = size - SUFFIX; left > 0; left -= block.byteLength) {
    const part = left < block.byteLength ? block.subarray(0, left) : block
    shared.push(part)
    state.update(part)
  }
  return () => {
    const suffix = new Uint8Array(randomBytes(SUFFIX))
    const digest = `sha256:${state.copy().update(suffix).digest('hex')}`
    return { size, digest, parts: [...shared, suffix] }
  }
}

/** Bytes that exist already. */
export function payloadOf(bytes: Uint8Array): Payload {
  const digest = `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`
  return { size: bytes.byteLength, digest, parts: [bytes] }
}
