import {
  blobPath,
  CATALOG_PATH,
  manifestPath,
  referrersPath,
  tagsPath,
  uploadPath,
  uploadsPath,
} from './path.ts'
import { formatQuery } from './query.ts'
import type { Operation } from './request.ts'

/** The path and query that ask for an operation: what `locate` and `parseOperation` read back. */
export function urlOf(operation: Operation): string {
  switch (operation.route) {
    case 'base':
      return '/v2/'
    case 'discover':
      return '/v2/_oci/ext/discover'
    case 'v1-ping':
      return '/v1/_ping'
    case 'catalog':
      return join(CATALOG_PATH, { ...operation.page })
    case 'search': {
      const { term, n, page } = operation.search
      return join('/v1/search', { q: term, n, page })
    }
    case 'blob':
      return blobPath(operation.spelling, operation.digest)
    case 'manifest': {
      const path = manifestPath(operation.spelling, operation.reference)
      return operation.method === 'PUT' ? join(path, { tag: operation.tags }) : path
    }
    case 'uploads': {
      const { digest, algorithm, mount } = operation
      return join(uploadsPath(operation.spelling), {
        digest,
        'digest-algorithm': algorithm,
        mount: mount?.digest,
        from: mount?.from,
      })
    }
    case 'upload': {
      const path = uploadPath(operation.spelling, operation.id)
      return operation.method === 'PUT' ? join(path, { digest: operation.digest }) : path
    }
    case 'tags':
      return join(tagsPath(operation.spelling), { ...operation.page })
    case 'referrers':
      return join(referrersPath(operation.spelling, operation.subject), {
        artifactType: operation.artifactTypes,
        ...operation.page,
      })
  }
}

function join(path: string, values: Parameters<typeof formatQuery>[0]): string {
  const query = formatQuery(values)
  return query === '' ? path : `${path}?${query}`
}
