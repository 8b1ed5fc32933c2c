import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ContainerTools, containerTools } from '../testbed/containers.ts'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { writeContext, writeLayout } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import type { RegistryServer } from '../testbed/server.ts'
import { startTarget } from '../testbed/target.ts'

setDefaultTimeout(300_000)

const GiB = 1 << 30
const programs = ['docker', 'dockerd', 'skopeo', 'busybox'] as const

/** The layer is made where it is needed, and tells its sum: its gigabyte never travels as a build context. */
const BIG_FILE = `FROM base
RUN ["/bin/sh", "-c", "head -c ${GiB} /dev/urandom > /big && md5sum /big > /big.md5"]
CMD ["/bin/md5sum", "-c", "/big.md5"]
`

describeNeeding({ programs, root: true }, 'layers of 1 GiB', () => {
  const stack = new AsyncDisposableStack()
  let registry: RegistryServer
  let tools: ContainerTools

  beforeAll(async () => {
    registry = stack.use(await startTarget())
    tools = stack.use(await containerTools())
  })
  afterAll(() => stack.disposeAsync())

  test('skopeo pushes and pulls one', async () => {
    const [there, back] = [join(tools.path, 'there'), join(tools.path, 'back')]
    await mkdir(there)
    const mediaType = 'application/vnd.oci.image.layer.v1.tar'
    await writeLayout(there, [{ mediaType, size: GiB, seed: 'large' }])
    const remote = `docker://${registry.host}/large/skopeo:1`
    const copy = ['copy', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false']
    await tools.skopeo(...copy, `oci:${there}:latest`, remote)
    await rm(there, { recursive: true })
    // It compares every blob with its digest on the way.
    await tools.skopeo(...copy, remote, `oci:${back}:latest`)
    await rm(back, { recursive: true })
  })

  test('docker pushes, pulls and runs one', async () => {
    await using engine: Docker = await startDocker()
    const image = `${registry.host}/large/docker:1`
    const [base, big] = [join(tools.path, 'base'), join(tools.path, 'big')]
    await writeContext(base, { greeting: 'base' })
    await mkdir(big)
    await writeFile(join(big, 'Dockerfile'), BIG_FILE)
    await engine.docker('build', '--network=none', '--quiet', '--tag=base', base)
    await engine.docker('build', '--network=none', '--quiet', '--tag', image, big)
    await engine.docker('push', image)
    await engine.docker('rmi', '--force', image, 'base')
    await engine.docker('image', 'prune', '--all', '--force')
    await engine.docker('pull', image)
    expect(await engine.docker('run', '--rm', '--network=none', image)).toBe('/big: OK\n')
  })
})
