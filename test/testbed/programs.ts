import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A program of the system that tests run beside Berth. */
interface Program {
  /** Debian packages that bring it, the usual one first; later ones are for releases that split it. */
  readonly packages: readonly string[]
  /** Its path, or undefined where it is missing. */
  readonly find: () => string | undefined
}

function onPath(command: string): string | undefined {
  // Services live in sbin, which is not on every user's path.
  return Bun.which(command, { PATH: `/usr/sbin:/usr/bin:/sbin:/bin:${process.env.PATH ?? ''}` }) ?? undefined
}

function program(command: string, ...packages: string[]): Program {
  return { packages: packages.length === 0 ? [command] : packages, find: () => onPath(command) }
}

/**
 * Debian keeps the server's programs of every PostgreSQL release in a folder of its own; the newest counts.
 */
function findPostgres(command: string): string | undefined {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return onPath(command)
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((release) => join(root, release, 'bin', command))
    .find((path) => existsSync(path))
}

/** Every program a test may ask for. */
export const PROGRAMS = {
  docker: program('docker', 'docker.io', 'docker-cli'),
  dockerd: program('dockerd', 'docker.io'),
  podman: program('podman'),
  skopeo: program('skopeo'),
  buildah: program('buildah'),
  umoci: program('umoci'),
  busybox: {
    packages: ['busybox-static'],
    // Debian's other busybox is linked to the C library and cannot live alone in an image.
    find: () => (existsSync('/usr/share/doc/busybox-static') ? onPath('busybox') : undefined),
  },
  nginx: program('nginx', 'nginx-light', 'nginx'),
  initdb: { packages: ['postgresql'], find: () => findPostgres('initdb') },
  postgres: { packages: ['postgresql'], find: () => findPostgres('postgres') },
  'docker-registry': program('docker-registry'),
  strace: program('strace'),
  openssl: program('openssl'),
  setpriv: program('setpriv', 'util-linux'),
} as const satisfies Record<string, Program>

export type ProgramName = keyof typeof PROGRAMS

/** The programs of these that this machine lacks. */
export function missingPrograms(names: readonly ProgramName[]): ProgramName[] {
  return names.filter((name) => PROGRAMS[name].find() === undefined)
}

/** The path of a program. Throws, naming the package, where it is missing. */
export function programPath(name: ProgramName): string {
  const path = PROGRAMS[name].find()
  if (path === undefined) {
    throw new Error(`${name} is not installed (Debian: apt-get install ${PROGRAMS[name].packages[0]})`)
  }
  return path
}
