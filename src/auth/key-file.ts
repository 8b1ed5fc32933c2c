import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'

/*
 * A key of an account as one JSON file, as Google's registry has them. The server keeps the public half; the file is shown once. It is a
 * password for `_json_key`, and better: what signs assertions (assertion.ts), so that the private half never leaves the machine.
 */

export const KEY_FILE_TYPE = 'berth_service_account'
/** Bytes of a key file at most, and of its base64. */
const MAX_FILE = 8192
const MAX_BASE64 = Math.ceil(MAX_FILE / 3) * 4

/** What a key file holds. */
export interface KeyFile {
  readonly type: typeof KEY_FILE_TYPE
  readonly account: string
  /** Names the key in the header of assertions: `keyIdOf`. */
  readonly key_id: string
  /** PKCS #8, PEM, Ed25519. */
  readonly private_key: string
  /** Where assertions are exchanged. */
  readonly token_url: string
}

/** A key that was made: the file is shown once, the rest is stored. */
export interface NewKey {
  /** JSON. */
  readonly file: string
  readonly keyId: string
  /** SHA-256 of the public half in DER. */
  readonly lookup: Uint8Array
  /** The public half, SPKI in PEM. */
  readonly verifier: string
}

/** Makes a key for an account. */
export function newKey(account: string, tokenUrl: string): NewKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const lookup = keyLookup(publicKey)
  const file: KeyFile = {
    type: KEY_FILE_TYPE,
    account,
    key_id: keyIdOf(lookup),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    token_url: tokenUrl,
  }
  return {
    file: `${JSON.stringify(file, null, 2)}\n`,
    keyId: file.key_id,
    lookup,
    verifier: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  }
}

/** Reads a key file; undefined for what is none. Lines may end as they like. */
export function readKeyFile(text: string): KeyFile | undefined {
  if (text.length > MAX_FILE) return undefined
  let content: unknown
  try {
    // A byte order mark is what an editor on Windows puts before it.
    content = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    return undefined
  }
  if (typeof content !== 'object' || content === null) return undefined
  const { type, account, key_id, private_key, token_url } = content as Record<string, unknown>
  const texts = [account, key_id, private_key, token_url]
  if (type !== KEY_FILE_TYPE || !texts.every((value) => typeof value === 'string')) return undefined
  return { type, account, key_id, private_key, token_url } as KeyFile
}

/** A key file of a key whose public half was registered alone; undefined for what is no Ed25519 private key in PEM. */
export function keyFileOf(pem: string, account: string, tokenUrl: string): KeyFile | undefined {
  const file = { type: KEY_FILE_TYPE, account, key_id: '', private_key: pem, token_url: tokenUrl } as const
  const lookup = lookupOfKeyFile(file)
  return lookup === undefined ? undefined : { ...file, key_id: keyIdOf(lookup) }
}

/** Reads a key file in base64, either alphabet, wrapped or not, padded or not. */
export function readKeyFileBase64(text: string): KeyFile | undefined {
  if (text.length > MAX_BASE64 * 2) return undefined
  const plain = text.replace(/\s/g, '')
  if (plain.length > MAX_BASE64 || !/^[\w+/-]+={0,2}$/.test(plain)) return undefined
  return readKeyFile(Buffer.from(plain, 'base64').toString('utf8'))
}

/** The private half, to sign with; undefined where it is none, or of another kind. */
export function privateKeyOf(file: KeyFile): KeyObject | undefined {
  try {
    const key = createPrivateKey(file.private_key)
    return key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    return undefined
  }
}

/** What the public half of a key file is found by: only who has the private half can tell. */
export function lookupOfKeyFile(file: KeyFile): Uint8Array | undefined {
  const key = privateKeyOf(file)
  return key === undefined ? undefined : keyLookup(createPublicKey(key))
}

/** SHA-256 of a public key in DER. */
export function keyLookup(publicKey: KeyObject): Uint8Array {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}

/** The name of a key in headers and files: its look-up in hexadecimal digits. */
export function keyIdOf(lookup: Uint8Array): string {
  return Buffer.from(lookup).toString('hex')
}

/** The look-up that a key's name stands for. */
export function lookupOfKeyId(keyId: unknown): Uint8Array | undefined {
  return typeof keyId === 'string' && /^[0-9a-f]{64}$/.test(keyId) ? Buffer.from(keyId, 'hex') : undefined
}
