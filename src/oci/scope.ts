import type { AskedScope } from '../core/access.ts'

/*
 * The grammar of scopes (PROTOCOL 10.2): `type["(" class ")"] ":" name ":" action {"," action}`. A name may hold a host with its port, so
 * that the type ends at the first colon and the actions begin behind the last one.
 */

const TYPE = /^([a-z0-9]+)(?:\([a-z0-9]+\))?$/
const BLANKS = /[ \t\r\n]+/

/**
 * Reads the values of `scope` parameters, each of which may hold several scopes separated by blanks. What is no scope is left out, since a
 * token is narrowed and never refused for what it is asked for; the same resource asked for twice is one scope with all the actions.
 */
export function parseScopes(values: readonly string[]): AskedScope[] {
  const found = new Map<string, { type: string; name: string; actions: Set<string> }>()
  for (const value of values) {
    for (const text of value.split(BLANKS)) {
      const scope = parseScope(text)
      if (scope === undefined) continue
      const key = `${scope.type}:${scope.name}`
      const before = found.get(key)
      if (before === undefined) found.set(key, { ...scope, actions: new Set(scope.actions) })
      else for (const action of scope.actions) before.actions.add(action)
    }
  }
  return [...found.values()].map(({ type, name, actions }) => ({ type, name, actions: [...actions] }))
}

/** One scope; undefined for a text that is none. The class of a type (`repository(plugin)`) is not looked at. */
function parseScope(text: string): AskedScope | undefined {
  const typeEnd = text.indexOf(':')
  const nameEnd = text.lastIndexOf(':')
  if (typeEnd < 0 || nameEnd <= typeEnd + 1) return undefined
  const type = TYPE.exec(text.slice(0, typeEnd))?.[1]
  if (type === undefined) return undefined
  const actions = text
    .slice(nameEnd + 1)
    .split(',')
    .filter((action) => action !== '')
  return { type, name: text.slice(typeEnd + 1, nameEnd), actions }
}
