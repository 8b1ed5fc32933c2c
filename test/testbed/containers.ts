import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ProgramName, programPath } from './programs.ts'
import { type CommandResult, run, tryRun } from './run.ts'
import { tempFolder } from './temp.ts'

type Tool = (...args: string[]) => Promise<string>

/** Podman, skopeo, buildah and umoci with storage and configuration of their own. */
export interface ContainerTools extends AsyncDisposable {
  readonly podman: Tool
  readonly skopeo: Tool
  readonly buildah: Tool
  /** Takes images apart that skopeo wrote to a folder. */
  readonly umoci: Tool
  /** Runs one of them to whatever end. */
  attempt(tool: 'podman' | 'skopeo' | 'buildah', ...args: string[]): Promise<CommandResult>
  /** A folder for images and build contexts. */
  readonly path: string
}

const STORAGE = `[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
`

/**
 * As root these tools keep caches and locks in fixed places whatever they are told. They therefore run in a
 * mount namespace where those places are folders of the test; the kernel drops it with the process.
 */
const APART = 'mount --bind "$1/lib" /var/lib/containers && mount --bind "$1/run" /run && shift && exec "$@"'

/** Makes the tools ready; nothing is started. */
export async function containerTools(): Promise<ContainerTools> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const at = (name: string) => join(folder.path, name)
  const config = at('home/.config/containers')
  for (const path of [at('lib'), at('run'), at('work'), config]) await mkdir(path, { recursive: true })
  await mkdir('/var/lib/containers', { recursive: true })
  await writeFile(join(config, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}')
  await writeFile(at('registries.conf'), 'unqualified-search-registries = []\n')
  await writeFile(at('storage.conf'), STORAGE)
  await writeFile(at('auth.json'), '{}')
  const env = {
    HOME: at('home'),
    XDG_RUNTIME_DIR: at('run'),
    REGISTRY_AUTH_FILE: at('auth.json'),
    CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
    CONTAINERS_STORAGE_CONF: at('storage.conf'),
    STORAGE_DRIVER: 'vfs',
    BUILDAH_ISOLATION: 'chroot',
  }
  const argv = (tool: ProgramName, args: readonly string[]) => [
    'unshare',
    '--mount',
    'sh',
    '-c',
    APART,
    'sh',
    folder.path,
    programPath(tool),
    ...args,
  ]
  const options = { env, cwd: at('work'), limit: 300 }
  const tool =
    (name: ProgramName): Tool =>
    (...args) =>
      run(argv(name, args), options)
  const owned = stack.move()
  return {
    podman: tool('podman'),
    skopeo: tool('skopeo'),
    buildah: tool('buildah'),
    umoci: tool('umoci'),
    attempt: (name, ...args) => tryRun(argv(name, args), options),
    path: at('work'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
