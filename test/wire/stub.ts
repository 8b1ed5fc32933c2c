import { parseRepoName } from '../../src/core/names.ts'
import type { Registry } from '../../src/core/registry.ts'
import { wireHandler } from '../../src/oci/handler.ts'
import type { WireLimits } from '../../src/oci/limits.ts'
import { type Answer, type Asked, send } from './exchange.ts'
import { fakeRegistry } from './fake-registry.ts'
import { DEFAULT_WIRE_LIMITS } from './limits.ts'

export const REPO = parseRepoName('wire/answers')
export const REPO_VARIABLES = { repo: REPO }

/** A handler over a registry in memory of which some operations are replaced. */
export function handlerOver(
  changes: Partial<Registry>,
  limits: Partial<WireLimits> = {},
  base = fakeRegistry(),
) {
  return wireHandler({ ...base, ...changes }, { limits: { ...DEFAULT_WIRE_LIMITS, ...limits } })
}

/** Asks in REPO. */
export async function ask(handler: ReturnType<typeof handlerOver>, asked: Asked): Promise<Answer> {
  const answer = await send(handler, asked, REPO_VARIABLES)
  if (answer === undefined) throw new Error(`no answer to ${asked.path}`)
  return answer
}

export function jsonOf(answer: Answer): Record<string, unknown> {
  return JSON.parse(Buffer.from(answer.body ?? '').toString())
}

/** Where the answer's link leads. */
export function nextOf(answer: Answer): string | undefined {
  return /^<([^>]+)>; rel="next"$/.exec(answer.headers.Link ?? '')?.[1]
}
