import { parseAccountName } from '../core/account-names.ts'
import { isRefusal } from '../core/errors.ts'

/** Names that scripts for other registries log in with; the secret that comes with one says whose it is. None can be an account's. */
const ALWAYS = ['$oauthtoken', 'AWS', '00000000-0000-0000-0000-000000000000', 'oauth2accesstoken'] as const
const KEY_FILE = '_json_key'
const KEY_FILE_BASE64 = '_json_key_base64'
const ROBOT = 'robot$'

/** Whom a login says it is for. */
export type LoginName =
  /** One account: the secret must be that account's. */
  | { readonly kind: 'account'; readonly name: string }
  /** Whoever the secret belongs to. */
  | { readonly kind: 'alias'; readonly name: string }
  | { readonly kind: 'key-file'; readonly name: string; readonly base64: boolean }

/** The aliases of this server. Throws, with a sentence, for a further one that could be somebody's name. */
export function loginAliases(further: readonly string[]): ReadonlySet<string> {
  for (const name of further) {
    if (isAccountName(name)) {
      throw new Error(
        `${JSON.stringify(name)} cannot be a login alias, since an account may have that name; there is gitlab-ci-token`,
      )
    }
  }
  return new Set([...ALWAYS, ...further])
}

/** What a name at a login means. */
export function readLoginName(name: string, aliases: ReadonlySet<string>): LoginName {
  if (name === KEY_FILE || name === KEY_FILE_BASE64)
    return { kind: 'key-file', name, base64: name === KEY_FILE_BASE64 }
  if (aliases.has(name)) return { kind: 'alias', name }
  // As Harbor writes robots; ours have the same name without it.
  if (name.startsWith(ROBOT)) return { kind: 'account', name: name.slice(ROBOT.length) }
  return { kind: 'account', name }
}

/** Whether a user or an organisation could have the name. */
export function isAccountName(text: string): boolean {
  try {
    return parseAccountName(text) === text
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}
