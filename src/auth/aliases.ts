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

/** The aliases of this server: those there always are, and those of the settings, which can be no account's names. */
export function loginAliases(further: readonly string[]): ReadonlySet<string> {
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
