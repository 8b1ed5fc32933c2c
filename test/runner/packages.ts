import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { missingPrograms, PROGRAMS, type ProgramName } from '../testbed/programs.ts'

const POLICY = '/usr/sbin/policy-rc.d'

async function aptGet(...args: string[]): Promise<string | undefined> {
  const apt = Bun.spawn(['apt-get', '-qq', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([apt.stdout.text(), apt.stderr.text(), apt.exited])
  return code === 0 ? undefined : `apt-get ${args.join(' ')} ended with ${code}:\n${out}${err}`
}

/**
 * Debian asks this script before it starts a service; ours says no, so an installed server does not begin to
 * listen.
 */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  if (existsSync(POLICY)) return install()
  await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await install()
  } finally {
    await rm(POLICY, { force: true })
  }
}

async function install(missing: readonly ProgramName[]): Promise<void> {
  const wanted = new Set(missing.flatMap((name) => PROGRAMS[name].packages.slice(0, 1)))
  console.log(`Installing ${[...wanted].join(' ')}`)
  const updated = await aptGet('update')
  if (updated !== undefined) console.log(updated)
  const failure = await aptGet('install', '-y', '--no-install-recommends', ...wanted)
  if (failure !== undefined) console.log(failure)
  // What the usual package did not bring, one alternative at a time.
  for (const name of missing) {
    for (const alternative of PROGRAMS[name].packages) {
      if (PROGRAMS[name].find() !== undefined) break
      await aptGet('install', '-y', '--no-install-recommends', alternative)
    }
  }
}

/** Makes the programs of the test bed be there, where that is ours to do, and names those that are not. */
export async function providePrograms(): Promise<void> {
  const names = Object.keys(PROGRAMS) as ProgramName[]
  let missing = missingPrograms(names)
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    await withoutServices(() => install(missing))
    missing = missingPrograms(names)
  }
  if (missing.length === 0) return
  const packages = new Set(missing.map((name) => PROGRAMS[name].packages[0]))
  console.log(`Missing: ${missing.join(', ')}. Tests that need them are skipped.`)
  console.log(`On Debian: apt-get install --no-install-recommends ${[...packages].join(' ')}`)
}
