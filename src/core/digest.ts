import { createHash, type Hash } from 'node:crypto'
import { refuse } from './errors.ts'

declare const digest: unique symbol

/** A content address `algorithm:hex` of a registered algorithm (PROTOCOL G3; image-spec descriptor.md). */
export type Digest = string & { readonly [digest]: true }

/** The algorithms Berth stores under; the value is the length of the encoded part in hex digits. */
export const ALGORITHMS = { sha256: 64, sha512: 128 } as const
export type Algorithm = keyof typeof ALGORITHMS

const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/
const SHA256 = /^sha256:[0-9a-f]{64}$/
const SHA512 = /^sha512:[0-9a-f]{128}$/
const MAX_SHOWN = 160

/** Parses a digest. Refuses `digest-invalid` for bad grammar and for an algorithm that is not stored (G3, G4). */
export function parseDigest(text: string): Digest {
  if (SHA256.test(text) || SHA512.test(text)) return text as Digest
  const shown = JSON.stringify(text.slice(0, MAX_SHOWN))
  if (!GRAMMAR.test(text)) {
    throw refuse(
      'digest-invalid',
      `${shown} is not a digest; expected algorithm:hex such as sha256:<64 hex digits>`,
    )
  }
  const name = text.slice(0, text.indexOf(':'))
  if (!isAlgorithm(name)) {
    throw refuse(
      'digest-invalid',
      `digest algorithm ${JSON.stringify(name.slice(0, 40))} is not supported; use sha256 or sha512`,
    )
  }
  throw refuse(
    'digest-invalid',
    `${shown} is not a ${name} digest; expected ${ALGORITHMS[name]} lower-case hex digits`,
  )
}

/** Parses a digest, or undefined where the text is none. */
export function tryParseDigest(text: string): Digest | undefined {
  return SHA256.test(text) || SHA512.test(text) ? (text as Digest) : undefined
}

export function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(ALGORITHMS, name)
}

export function algorithmOf(value: Digest): Algorithm {
  return value.startsWith('sha256') ? 'sha256' : 'sha512'
}

/** The digest of bytes at hand. */
export function digestOf(bytes: Uint8Array | string, algorithm: Algorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest
}

/** A running digest: feed with `update`, ask once. */
export function newHash(algorithm: Algorithm): Hash {
  return createHash(algorithm)
}

/** Finishes a running hash into a digest. The hash cannot be used afterwards. */
export function finishHash(algorithm: Algorithm, hash: Hash): Digest {
  return `${algorithm}:${hash.digest('hex')}` as Digest
}

const CODE_SHA256 = 1
const CODE_SHA512 = 2

/** The stored form: one byte for the algorithm, then the raw hash (33 or 65 bytes). */
export function digestToBytes(value: Digest): Uint8Array {
  const is256 = value.charCodeAt(3) === 50
  const out = Buffer.allocUnsafe(is256 ? 33 : 65)
  out[0] = is256 ? CODE_SHA256 : CODE_SHA512
  out.write(value.slice(7), 1, 'hex')
  return out
}

/** Back from the stored form. */
export function digestFromBytes(bytes: Uint8Array): Digest {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1).toString('hex')
  return `${bytes[0] === CODE_SHA256 ? 'sha256' : 'sha512'}:${hex}` as Digest
}
