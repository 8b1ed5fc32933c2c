import { isLoopback } from '../config.ts'
import { AGENT } from './connection.ts'
import { fetchFrom, wantsTls } from './fetch-from.ts'
import type { ServerAddress } from './server-address.ts'

/** Where a registry gives tokens out, as its challenge says (PROTOCOL 10.2). */
export interface TokenEndpoint {
  readonly realm: string
  readonly service: string
}

export interface GivenToken {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Bytes of an answer that is read. */
const MAX_ANSWER = 64 * 1024
/** Seconds; what a token is good for where the answer does not say. */
const DEFAULT_LIFE = 60

/** Asks a registry where it gives tokens out. `undefined`: it asks nobody to log in. */
export async function findTokenEndpoint(
  { base, host }: ServerAddress,
  { insecure = false } = {},
): Promise<TokenEndpoint | undefined> {
  const response = await fetchFrom(base, new Request(`${base}/v2/`, { headers: { 'User-Agent': AGENT } }))
  if (response.ok) return undefined
  const challenge = response.headers.get('www-authenticate') ?? ''
  if (response.status !== 401 || !/^bearer /i.test(challenge)) {
    throw new Error(
      wantsTls(base, response.status) ??
        `${base}/v2/ answered ${response.status} without saying where to log in; is it a registry?`,
    )
  }
  const values = new Map(
    [...challenge.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      value.replace(/\\(.)/g, '$1'),
    ]),
  )
  const realm = values.get('realm')
  if (realm === undefined || !URL.canParse(realm)) throw new Error(`${host} says no address to log in at`)
  const { protocol, hostname, origin } = new URL(realm)
  const safe = protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, '')) || insecure
  if (!safe || !/^https?:$/.test(protocol)) {
    throw new Error(
      `${host} wants logins sent to ${origin} over plain HTTP, where everyone on the way can read them; set the server’s --public-url to its https address, or add --insecure if that is meant`,
    )
  }
  return { realm, service: values.get('service') ?? host }
}

/** Exchanges an assertion for a token that stands for the login (RFC 7523). Rejects with what the server says. */
export async function exchangeAssertion(
  { realm, service }: TokenEndpoint,
  assertion: string,
): Promise<GivenToken> {
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion,
    service,
    client_id: 'berth',
  })
  return readToken(
    await fetchFrom(
      realm,
      new Request(realm, { method: 'POST', body: form, headers: { 'User-Agent': AGENT } }),
    ),
  )
}

/** Whether a password is right: asks for a token without a scope, as docker does. Rejects with what the server says. */
export async function checkPassword(
  { realm, service }: TokenEndpoint,
  username: string,
  password: string,
): Promise<void> {
  const url = new URL(realm)
  url.searchParams.set('service', service)
  url.searchParams.set('account', username)
  url.searchParams.set('client_id', 'berth')
  const headers = {
    'User-Agent': AGENT,
    Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
  }
  await readToken(await fetchFrom(realm, new Request(url.href, { headers })))
}

async function readToken(response: Response): Promise<GivenToken> {
  const text = await response.text()
  const answer = text.length > MAX_ANSWER ? {} : parse(text)
  if (!response.ok) throw new Error(refusalOf(answer) ?? `the server answered ${response.status}`)
  const { access_token: access, token = access, expires_in: seconds = DEFAULT_LIFE } = answer
  if (typeof token !== 'string' || typeof seconds !== 'number')
    throw new Error('the server answered something that is no token')
  return { token, expiresAt: Date.now() + seconds * 1000 }
}

function parse(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** What a refusal says, as OAuth and as registries write it. */
function refusalOf(answer: Record<string, unknown>): string | undefined {
  const { error_description: described, errors } = answer
  if (typeof described === 'string') return described
  const first = Array.isArray(errors) ? (errors[0] as { message?: unknown } | undefined)?.message : undefined
  return typeof first === 'string' ? first : undefined
}
