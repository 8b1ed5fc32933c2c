import type { Endpoint } from './contract.ts'

/** What belongs to a namespace, an organisation, a user or a repository, and is a subject of its own. */
const SUBJECTS: Readonly<Record<string, string>> = {
  tokens: 'tokens',
  sessions: 'sessions',
  keys: 'keys',
  grants: 'grants',
  'default-grants': 'grants',
  robots: 'robots',
  members: 'members',
  teams: 'teams',
  invitations: 'invitations',
  tags: 'tags',
  history: 'tags',
  'deleted-tags': 'tags',
  'immutable-tags': 'tags',
  'deleted-repositories': 'repositories',
  manifests: 'manifests',
  'protected-manifests': 'manifests',
  audit: 'audit',
}

/** Under which heading each first part of a path stands. */
const HEADINGS: Readonly<Record<string, string>> = {
  session: 'session',
  signup: 'session',
  links: 'invitations',
  'password-resets': 'session',
  'openapi.json': 'reference',
  '': 'reference',
}

/** The method of an endpoint, and its path below `/api/v1`. */
export function partsOf(endpoint: Endpoint): { readonly method: string; readonly path: string } {
  const blank = endpoint.indexOf(' ')
  return { method: endpoint.slice(0, blank), path: endpoint.slice(blank + 1) }
}

/** The names in braces of a path, in order. */
export function namesIn(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
}

/** What an endpoint is about, in one word: `tokens`, `teams`. */
export function headingOf(endpoint: Endpoint): string {
  const [first = '', ...rest] = partsOf(endpoint)
    .path.split('/')
    .filter((part) => part !== '' && part !== '-' && !part.startsWith('{'))
  const subject = rest.map((part) => SUBJECTS[part]).find((found) => found !== undefined)
  return subject ?? HEADINGS[first] ?? first
}

/** A name for an endpoint that programs can be generated with: `getUsersByUserTokens`. */
export function operationIdOf(endpoint: Endpoint): string {
  const { method, path } = partsOf(endpoint)
  const words = path
    .split('/')
    .filter((part) => part !== '' && part !== '-')
    .map((part) => (part.startsWith('{') ? `By${capital(part.slice(1, -1))}` : capital(part)))
  return method.toLowerCase() + (words.length === 0 ? 'Index' : words.join(''))
}

function capital(text: string): string {
  return text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}
