import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/*
 * Secrets that this server makes: `berth_pat_` and the like, forty random characters, six of a checksum. Scanners find them by the prefix,
 * and whoever meets one that was cut or mistyped knows it by the checksum, without asking the database.
 */

/** What a secret is for, by the prefix that says so. */
export const SECRET_PREFIXES = {
  /** A personal access token. */
  token: 'berth_pat_',
  /** A robot's secret. */
  secret: 'berth_rob_',
  refresh: 'berth_ref_',
  session: 'berth_ses_',
  /** A one-time link. */
  link: 'berth_lnk_',
} as const

export type SecretKind = keyof typeof SECRET_PREFIXES

const KINDS = Object.entries(SECRET_PREFIXES) as [SecretKind, string][]
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 238 bits. */
const RANDOM_LENGTH = 40
/** 62^6 > 2^32. */
const CHECKSUM_LENGTH = 6
const PREFIX_LENGTH = SECRET_PREFIXES.token.length
const LENGTH = PREFIX_LENGTH + RANDOM_LENGTH + CHECKSUM_LENGTH
const JWT = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/
const SHAPE = /^berth_[a-z]{3}_[0-9A-Za-z]{46}$/

/** A secret to be shown once, and what is stored of it. */
export interface NewSecret {
  readonly secret: string
  /** SHA-256. */
  readonly lookup: Uint8Array
}

/** Makes a secret. */
export function newSecret(kind: SecretKind): NewSecret {
  const body = SECRET_PREFIXES[kind] + randomDigits(RANDOM_LENGTH)
  const secret = body + checksum(body)
  return { secret, lookup: lookupOf(secret) }
}

/** What a secret is found by: its SHA-256. No salt is needed for what nobody can guess. */
export function lookupOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest()
}

/** What kind of secret the text is; undefined where it is none of ours, or one with a character wrong. */
export function secretKind(text: string): SecretKind | undefined {
  if (text.length !== LENGTH || !SHAPE.test(text)) return undefined
  const body = text.slice(0, -CHECKSUM_LENGTH)
  if (text.slice(-CHECKSUM_LENGTH) !== checksum(body)) return undefined
  return KINDS.find(([, prefix]) => text.startsWith(prefix))?.[0]
}

/** Whether the text is meant to be a secret of ours, right or wrong: then it is nobody's password. */
export function looksLikeSecret(text: string): boolean {
  return text.startsWith('berth_') && KINDS.some(([, prefix]) => text.startsWith(prefix))
}

/** Whether the text has the shape of a token that was signed (a JWS in its compact form): then it is nobody's password either. */
export function looksLikeJwt(text: string): boolean {
  return JWT.test(text)
}

/** Of the prefix, too: a secret of one kind cannot be passed off as another. */
function checksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    text = DIGITS.charAt(rest % 62) + text
    rest = Math.floor(rest / 62)
  }
  return text
}

/** Every digit as likely as the next: bytes that would favour the first ones are thrown away. */
function randomDigits(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length + 16)) {
      if (byte < 248 && text.length < length) text += DIGITS.charAt(byte % 62)
    }
  }
  return text
}
