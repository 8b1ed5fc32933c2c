import { API_PATH } from './client.ts'

const REPOSITORIES = `${API_PATH}/repositories/`
/** No part of a repository's name is a lone dash, so that what follows one belongs to the API. */
const BEHIND_NAME = '/-/'

/** Whether a path is for the management API, be there something at it or not. */
export function isApiPath(path: string): boolean {
  return path === '/api' || path.startsWith('/api/')
}

/**
 * The path that is routed: without a slash at its end, and with the whole name of a repository as one segment, since the router knows no
 * names with slashes in the middle of a path. Clients may write a name with its slashes or with `%2F`.
 */
export function routedPath(path: string): string {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path
  if (!trimmed.startsWith(REPOSITORIES)) return trimmed
  const rest = trimmed.slice(REPOSITORIES.length)
  const end = rest.indexOf(BEHIND_NAME)
  const name = end < 0 ? rest : rest.slice(0, end)
  return REPOSITORIES + name.replaceAll('/', '%2F') + (end < 0 ? '' : rest.slice(end))
}

/** A path of the contract as the router writes it: `/users/{user}` is `/api/v1/users/:user`. */
export function routePattern(template: string): string {
  return API_PATH + (template === '/' ? '' : template.replace(/\{(\w+)\}/g, ':$1'))
}
