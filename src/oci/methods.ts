import type { Route } from './message.ts'

const READ = new Set(['GET', 'HEAD'])

/** Which methods each route knows (PROTOCOL §2, G6); the order is that of the `Allow` header. */
export const METHODS = {
  base: READ,
  discover: READ,
  catalog: READ,
  tags: READ,
  referrers: READ,
  'v1-ping': READ,
  search: READ,
  blob: new Set(['GET', 'HEAD', 'DELETE']),
  manifest: new Set(['GET', 'HEAD', 'PUT', 'DELETE']),
  uploads: new Set(['POST']),
  upload: new Set(['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE']),
} as const satisfies Record<Exclude<Route, 'unknown' | 'token' | 'jwks'>, ReadonlySet<string>>
