import { type Answer, headerOf } from './answer.ts'
import { type Connection, head } from './connection.ts'
import type { Payload } from './payload.ts'

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const NOTHING = { 'Content-Length': '0' }

/** Throws unless the answer has this status. */
export function expectStatus(answer: Answer, status: number, what: string): void {
  if (answer.status !== status) throw new Error(`${what} was answered with ${answer.head.slice(0, 400)}`)
}

/** POST, then PUT with the whole body (end-4a, end-6): two requests on a kept connection. Resolves with the bytes pushed. */
export async function pushBlob(connection: Connection, repo: string, payload: Payload): Promise<number> {
  const location = await openUpload(connection, repo)
  const target = `${location}${location.includes('?') ? '&' : '?'}digest=${payload.digest}`
  const headers = { 'Content-Length': String(payload.size), 'Content-Type': 'application/octet-stream' }
  expectStatus(await connection.send([head('PUT', target, headers), ...payload.parts]), 201, `PUT ${target}`)
  return payload.size
}

/** Opens an upload (end-4a) and resolves with the path of its Location. */
export async function openUpload(connection: Connection, repo: string): Promise<string> {
  const target = `/v2/${repo}/blobs/uploads/`
  const opened = await connection.send([head('POST', target, NOTHING)])
  expectStatus(opened, 202, `POST ${target}`)
  return (headerOf(opened, 'location') ?? '').replace(/^https?:\/\/[^/]+/, '')
}

/** Links a blob of one repository into another (end-11). */
export async function mountBlob(connection: Connection, to: string, from: string, digest: string) {
  const target = `/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`
  expectStatus(await connection.send([head('POST', target, NOTHING)]), 201, `POST ${target}`)
  return 0
}

/** Puts a manifest (end-7). */
export async function pushManifest(
  connection: Connection,
  repo: string,
  reference: string,
  bytes: Uint8Array,
  type = MANIFEST_TYPE,
) {
  const target = `/v2/${repo}/manifests/${reference}`
  const headers = { 'Content-Type': type, 'Content-Length': String(bytes.byteLength) }
  expectStatus(await connection.send([head('PUT', target, headers), bytes]), 201, `PUT ${target}`)
  return bytes.byteLength
}

/** Deletes a manifest by its digest (end-9). */
export async function deleteManifest(connection: Connection, repo: string, digest: string) {
  const target = `/v2/${repo}/manifests/${digest}`
  expectStatus(await connection.send([head('DELETE', target)]), 202, `DELETE ${target}`)
  return 0
}
