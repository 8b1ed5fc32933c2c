import type { CryptoKey, JWK } from 'jose'
import type { Clock } from '../core/clock.ts'
import { RegistryError } from '../core/errors.ts'
import type { AccessStore, SigningKey } from '../store/meta/access-store.ts'
import { answerOf } from './answer.ts'

/** How old what is known of the table may be, in ms: so long after its removal a key is still believed. */
const FRESH_MS = 30_000
/** A key of that name may have been added by another replica: asked for at most so often, in ms, whatever tokens say. */
const UNKNOWN_MS = 2_000
/**
 * How long a key stands in the table before it signs, in ms, unless it is the only one: every replica knows it by then, and whoever keeps
 * the public keys as long as they may be kept.
 */
const PUBLISH_MS = 300_000
/** A key signs that long at least, in ms, so that the table stays small. */
const LEAST_LIFE_MS = 60_000
/** The name of a key: its thumbprint (RFC 7638). */
const KID = /^[A-Za-z0-9_-]{43}$/

export interface SigningKeysOptions {
  readonly store: Pick<AccessStore, 'listSigningKeys' | 'rotateSigningKey'>
  readonly clock: Clock
  /** ms after which another key takes its place. */
  readonly signs: number
  /** ms that the longest token lives, with the leeway: so long a key is kept after its last signature. */
  readonly lasts: number
}

interface KnownKey {
  readonly row: SigningKey
  readonly verifying: CryptoKey
}

/**
 * The keys that sign registry tokens: Ed25519, in the database that all replicas share, the newest last. The first is made when one is
 * needed. A key is found by its name in this table and nowhere else – nothing in a token can bring its own (SE-3).
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions
  readonly #signing = new Map<string, Promise<CryptoKey>>()
  #known: ReadonlyMap<string, KnownKey> = new Map()
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** Whether what is known here of the table is young enough to be believed. */
  isFresh(now: number): boolean {
    return now - this.#readAt < FRESH_MS && now >= this.#readAt
  }

  /** Whether a key stands in the table, as far as it is known here. */
  has(kid: string): boolean {
    return this.#known.has(kid)
  }

  /** A key to verify with; undefined for a name that no key has. */
  async find(kid: unknown, now: number): Promise<CryptoKey | undefined> {
    if (typeof kid !== 'string' || !KID.test(kid)) return undefined
    if (!this.isFresh(now)) await this.#read(now)
    const known = this.#known.get(kid)
    if (known === undefined && now - this.#readAt >= UNKNOWN_MS) {
      await this.#read(now)
      return this.#known.get(kid)?.verifying
    }
    return known?.verifying
  }

  /** The key to sign with; makes it where there is none, or the newest has signed for its time. */
  async signer(): Promise<{ readonly kid: string; readonly key: CryptoKey }> {
    const now = this.#options.clock.now()
    if (!this.isFresh(now)) await this.#read(now)
    let rows = this.#rows()
    const newest = rows[0]
    if (newest === undefined || now - newest.createdAt >= this.#life) {
      await this.#rotate(newest?.kid, now)
      rows = this.#rows()
    }
    const row = rows.find(({ createdAt }) => now - createdAt >= PUBLISH_MS) ?? rows.at(-1)
    if (row === undefined) throw unreadable('the database took a signing key and does not have it')
    return { kid: row.kid, key: await this.#privateKey(row) }
  }

  /** The public keys (RFC 7517), newest first; those not yet used, too. */
  async published(): Promise<object[]> {
    const now = this.#options.clock.now()
    if (!this.isFresh(now)) await this.#read(now)
    if (this.#known.size === 0) await this.signer()
    return this.#rows().map(({ kid, publicKey }) => {
      const { kty, crv, x } = JSON.parse(publicKey) as JWK
      return { kty, crv, x, kid, alg: 'EdDSA', use: 'sig' }
    })
  }

  get #life(): number {
    return Math.max(this.#options.signs, LEAST_LIFE_MS)
  }

  /** Newest first. */
  #rows(): SigningKey[] {
    return [...this.#known.values()].map(({ row }) => row)
  }

  /** Reads the table, once for all who wait. */
  #read(now: number): Promise<void> {
    this.#reading ??= answerOf(this.#options.store.listSigningKeys())
      .then((rows) => this.#take(rows, now))
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  async #rotate(newest: string | undefined, now: number): Promise<void> {
    const { calculateJwkThumbprint, exportJWK, generateKeyPair } = await import('jose')
    const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
    const [privateKey, publicKey] = await Promise.all([exportJWK(pair.privateKey), exportJWK(pair.publicKey)])
    const key: SigningKey = {
      kid: await calculateJwkThumbprint(publicKey),
      privateKey: JSON.stringify(privateKey),
      publicKey: JSON.stringify(publicKey),
      createdAt: now,
    }
    // Its last token was signed when its follower was known everywhere, and must be over.
    const forgetBefore = now - (this.#life + PUBLISH_MS + FRESH_MS + this.#options.lasts)
    const rotated = this.#options.store.rotateSigningKey({ key, newest, forgetBefore })
    await this.#take(await answerOf(rotated), now)
  }

  async #take(rows: readonly SigningKey[], now: number): Promise<void> {
    const known = new Map<string, KnownKey>()
    for (const row of rows) {
      const before = this.#known.get(row.kid)
      const verifying =
        before?.row.publicKey === row.publicKey ? before.verifying : await importKey(row.publicKey, row.kid)
      known.set(row.kid, { row, verifying })
    }
    for (const kid of this.#signing.keys()) if (!known.has(kid)) this.#signing.delete(kid)
    this.#known = known
    this.#readAt = now
  }

  #privateKey({ kid, privateKey }: SigningKey): Promise<CryptoKey> {
    let key = this.#signing.get(kid)
    if (key === undefined) {
      key = importKey(privateKey, kid)
      this.#signing.set(kid, key)
      key.catch(() => this.#signing.delete(kid))
    }
    return key
  }
}

/** Refuses `unavailable`, without a word of what the database holds: it is a secret. */
async function importKey(text: string, kid: string): Promise<CryptoKey> {
  const { importJWK } = await import('jose')
  try {
    return (await importJWK(JSON.parse(text) as JWK, 'EdDSA')) as CryptoKey
  } catch {
    throw unreadable(`the database holds the signing key ${kid}, which cannot be read; delete its row`)
  }
}

function unreadable(sentence: string): RegistryError {
  return new RegistryError('unavailable', sentence)
}
