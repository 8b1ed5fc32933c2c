import { describe } from 'bun:test'
import { missingPrograms, type ProgramName } from './programs.ts'

export interface Needs {
  readonly programs?: readonly ProgramName[]
  /** Mounts, containers and other users need it. */
  readonly root?: boolean
}

/** Why this machine cannot run such a test, or undefined when it can. */
export function unmet(needs: Needs): string | undefined {
  const reasons = missingPrograms(needs.programs ?? []).map((name) => `${name} is not installed`)
  if (needs.root === true && process.getuid?.() !== 0) reasons.push('not root')
  return reasons.length === 0 ? undefined : reasons.join(', ')
}

/** A group of tests that is skipped, with the reason in its title, where the machine lacks what it needs. */
export function describeNeeding(needs: Needs, title: string, body: () => void): void {
  const reason = unmet(needs)
  if (reason === undefined) describe(title, body)
  else describe.skip(`${title} [skipped: ${reason}]`, body)
}
