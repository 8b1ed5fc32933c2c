import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type ContainerTools, containerTools } from '../testbed/containers.ts'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { expectedOutput, writeContext, writeLayout } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startNginx, type TlsProxy } from '../testbed/nginx.ts'
import type { RegistryServer } from '../testbed/server.ts'
import { startTarget, TARGET_IS_PEER } from '../testbed/target.ts'

setDefaultTimeout(120_000)

const programs = ['docker', 'dockerd', 'podman', 'skopeo', 'buildah', 'busybox', 'nginx', 'openssl'] as const

describeNeeding({ programs, root: true }, 'behind nginx with TLS', () => {
  const stack = new AsyncDisposableStack()
  let registry: RegistryServer
  let front: TlsProxy
  let tools: ContainerTools

  beforeAll(async () => {
    registry = stack.use(await startTarget())
    front = stack.use(await startNginx(registry.host))
    tools = stack.use(await containerTools())
  })
  afterAll(() => stack.disposeAsync())

  test('docker pushes, pulls and runs', async () => {
    await using engine: Docker = await startDocker()
    const plan = { greeting: 'tls', layers: [5 << 20] }
    const image = `${front.host}/tls/docker:1`
    await writeContext(join(tools.path, 'docker'), plan)
    await engine.docker('build', '--network=none', '--quiet', '--tag', image, join(tools.path, 'docker'))
    await engine.docker('push', image)
    await engine.docker('rmi', '--force', image)
    await engine.docker('image', 'prune', '--all', '--force')
    await engine.docker('pull', image)
    expect(await engine.docker('run', '--rm', '--network=none', image)).toBe(expectedOutput(plan))
  })

  test('skopeo pushes and pulls, and checks the certificate', async () => {
    const [there, back] = [join(tools.path, 'there'), join(tools.path, 'back')]
    await mkdir(there)
    await writeLayout(there, [
      { mediaType: 'application/vnd.oci.image.layer.v1.tar', size: 3 << 20, seed: 'tls' },
    ])
    const remote = `docker://${front.host}/tls/skopeo:1`
    const copy = ['copy', '--preserve-digests']
    await tools.skopeo(...copy, `--dest-cert-dir=${front.certificates}`, `oci:${there}:latest`, remote)
    await tools.skopeo(...copy, `--src-cert-dir=${front.certificates}`, remote, `oci:${back}:latest`)
    const untrusting = await tools.attempt('skopeo', 'inspect', '--raw', remote)
    expect(untrusting.stderr).toContain('x509')
  })

  test('podman pushes and pulls, and checks the certificate', async () => {
    await writeContext(join(tools.path, 'podman'), { greeting: 'tls-podman', layers: [100_000] })
    await tools.buildah('bud', '--tag=localhost/tls', join(tools.path, 'podman'))
    const name = `${front.host}/tls/podman:1`
    const trust = `--cert-dir=${front.certificates}`
    await tools.podman('push', trust, 'localhost/tls', name)
    const id = await tools.podman('image', 'inspect', '--format={{.Id}}', 'localhost/tls')
    await tools.podman('rmi', '--all', '--force')
    await tools.podman('pull', trust, name)
    expect(await tools.podman('image', 'inspect', '--format={{.Id}}', name)).toBe(id)
  })

  test.skipIf(TARGET_IS_PEER)('B1: a Location names neither scheme nor host', async () => {
    const tls = { ca: await Bun.file(join(front.certificates, 'ca.crt')).text() }
    const answer = await fetch(`https://${front.host}/v2/tls/location/blobs/uploads/`, {
      method: 'POST',
      tls,
    })
    expect(answer.status).toBe(202)
    const location = answer.headers.get('location') ?? ''
    expect(location).toStartWith('/v2/tls/location/blobs/uploads/')
    const cancelled = await fetch(`https://${front.host}${location}`, { method: 'DELETE', tls })
    expect(cancelled.status).toBe(204)
  })
})
