import { expect } from 'bun:test'
import type { ObjectKey } from '../../src/core/names.ts'
import type { Span } from '../../src/core/registry.ts'
import type { BlobStore } from '../../src/store/blob.ts'
import { pieces } from './bytes.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

/** One case of the suite: it returns the keys it leaves behind, and nothing else may be there. */
export type Check = (title: string, run: (store: BlobStore) => Promise<readonly ObjectKey[]>) => void

/** Stores bytes and looks at them again. */
export async function stored(store: BlobStore, bytes: Buffer, chunk: number): Promise<ObjectKey> {
  const key = store.begin()
  expect(await store.append(key, 0, pieces(bytes, chunk))).toBe(bytes.byteLength)
  await store.seal(key, bytes.byteLength)
  expect(await store.stat(key)).toBe(bytes.byteLength)
  await expectBytes(store, key, bytes)
  return key
}

/** The bytes of a span, however the store gives them. */
export async function contentOf(store: BlobStore, key: ObjectKey, span: Span): Promise<Buffer> {
  const size = await store.stat(key)
  if (size === undefined) throw new Error(`there is no object ${key}`)
  expect(store.open(key, size + 1, span)).toBeUndefined()
  const content = store.open(key, size, span)
  if (content === undefined) throw new Error(`the object ${key} of ${size} bytes was not opened`)
  if (content.kind === 'bytes') return Buffer.from(content.bytes)
  if (content.kind !== 'file') throw new Error(`this suite cannot read a ${content.kind}`)
  expect(content.span).toEqual(span)
  return Buffer.from(await Bun.file(content.path).slice(span.start, span.end).arrayBuffer())
}

/** An object from its start, as for hashing it again. */
export async function readAll(store: BlobStore, key: ObjectKey, length: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.read(key, length)))
}

/** Expects an object to be exactly these bytes, on both ways of reading it. */
export async function expectBytes(store: BlobStore, key: ObjectKey, bytes: Uint8Array): Promise<void> {
  expect(await store.stat(key)).toBe(bytes.byteLength)
  const content = await contentOf(store, key, { start: 0, end: bytes.byteLength })
  expect(content.equals(bytes)).toBe(true)
  expect((await readAll(store, key, bytes.byteLength)).equals(bytes)).toBe(true)
}

/** Chunks as they are. */
export async function* given(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

/** Bytes, and then an error. */
export async function* broken(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield* pieces(bytes, 200_000)
  throw error
}
