import { describe, expect, test } from 'bun:test'
import { hubPlaceOf } from '../../src/api/hub/paths.ts'
import { locate } from '../../src/oci/path.ts'
import { isTokenPath } from '../../src/oci/token.ts'

/** What the registry's own grammar makes of a path; it is asked first. */
const registrys = (path: string) => locate(path)?.route

describe('Docker Hub’s paths', () => {
  test.each([
    ['/v2/users/login', { kind: 'login' }],
    ['/v2/users/login/', { kind: 'login' }],
    ['/v2/auth/token', { kind: 'token' }],
    ['/v2/repositories/', { kind: 'repositories' }],
    ['/v2/repositories/acme', { kind: 'namespace', namespace: 'acme' }],
    ['/v2/repositories/acme/', { kind: 'namespace', namespace: 'acme' }],
    ['/v2/repositories/acme/web', { kind: 'repository', repo: 'acme/web' }],
    ['/v2/repositories/acme/web/', { kind: 'repository', repo: 'acme/web' }],
    ['/v2/repositories/acme/a/b/', { kind: 'repository', repo: 'acme/a/b' }],
    ['/v2/repositories/acme/web/tags', { kind: 'tags', repo: 'acme/web' }],
    ['/v2/repositories/acme/web/tags/', { kind: 'tags', repo: 'acme/web' }],
    ['/v2/repositories/acme/web/tags/v1.0', { kind: 'tag', repo: 'acme/web', tag: 'v1.0' }],
    ['/v2/repositories/acme/web/tags/v1.0/', { kind: 'tag', repo: 'acme/web', tag: 'v1.0' }],
    ['/v2/repositories/acme/web/tags/list/', { kind: 'tag', repo: 'acme/web', tag: 'list' }],
    ['/v2/repositories/acme/tags/', { kind: 'repository', repo: 'acme/tags' }],
    ['/v2/repositories/acme/tags/tags/', { kind: 'tags', repo: 'acme/tags' }],
    ['/v2/repositories/acme/web%2Fx', undefined],
    ['/v2/repositories/acme/we%zz', undefined],
    ['/v2/repositories/ACME/web', undefined],
    ['/v2/repositories/acme//web', undefined],
    ['/v2/repositories/acme/web/tags/.x', undefined],
    ['/v2/users/2fa-login', undefined],
    ['/v2/users/', undefined],
    ['/v2/auth/', undefined],
    ['/v2/', undefined],
    ['/v1/repositories/acme/web', undefined],
  ] as const)('%s', (path, place) => expect(hubPlaceOf(path)).toEqual(place as never))

  test('with a slash at the end, as their tools write them, are nothing to the registry', () => {
    for (const path of [
      '/v2/users/login/',
      '/v2/auth/token',
      '/v2/repositories/',
      '/v2/repositories/acme/',
      '/v2/repositories/acme/web/',
      '/v2/repositories/acme/web/tags/',
      '/v2/repositories/acme/web/tags/list/',
      '/v2/repositories/acme/web/tags/latest/',
    ]) {
      expect([path, registrys(path)]).toEqual([path, 'unknown'])
      expect(isTokenPath(path)).toBe(false)
    }
  })

  test('are the registry’s where its grammar knows them; the other spelling is left', () => {
    for (const [path, route, other] of [
      ['/v2/repositories/acme/web/tags/list', 'tags', '/v2/repositories/acme/web/tags/list/'],
      ['/v2/repositories/manifests/web', 'manifest', '/v2/repositories/manifests/web/'],
      ['/v2/repositories/acme/manifests/', 'manifest', '/v2/repositories/acme/manifests'],
      ['/v2/repositories/blobs/web', 'blob', '/v2/repositories/blobs/web/'],
      ['/v2/repositories/acme/web/tags/manifests/', 'manifest', '/v2/repositories/acme/web/tags/manifests'],
    ] as const) {
      expect([path, registrys(path)]).toEqual([path, route])
      expect([other, registrys(other)]).toEqual([other, 'unknown'])
      expect(hubPlaceOf(other)).toBeDefined()
    }
  })

  test('leave one kind of name to the management API', () => {
    for (const path of ['/v2/repositories/blobs/uploads', '/v2/repositories/blobs/uploads/'])
      expect(registrys(path)).toBe('uploads')
  })

  test('no operation on a repository is lost to them, whatever its name', () => {
    for (const name of [
      'repositories/acme',
      'repositories/acme/web',
      'users/login',
      'auth/token',
      'library/repositories',
    ]) {
      for (const [path, route] of [
        [`/v2/${name}/tags/list`, 'tags'],
        [`/v2/${name}/manifests/latest`, 'manifest'],
        [`/v2/${name}/blobs/uploads/`, 'uploads'],
        [`/v2/${name}/blobs/sha256:00`, 'blob'],
        [`/v2/${name}/referrers/sha256:00`, 'referrers'],
      ] as const) {
        expect([path, registrys(path)]).toEqual([path, route])
      }
    }
  })
})
