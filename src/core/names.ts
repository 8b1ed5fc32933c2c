import { type Digest, parseDigest } from './digest.ts'
import { refuse } from './errors.ts'

declare const repoName: unique symbol
declare const tag: unique symbol
declare const uploadId: unique symbol
declare const objectKey: unique symbol

/** A repository's full name, always with a namespace: `library/hello`, `team/app/web` (PROTOCOL G1, G5). */
export type RepoName = string & { readonly [repoName]: true }
/** A tag (G2). */
export type Tag = string & { readonly [tag]: true }
/** What stands behind `/manifests/`: a tag or a digest (G2). */
export type Reference = { readonly tag: Tag } | { readonly digest: Digest }
/** An upload session's id, a UUID (B1). */
export type UploadId = string & { readonly [uploadId]: true }
/** The key of one physical object in blob storage: a UUID, never used twice. */
export type ObjectKey = string & { readonly [objectKey]: true }

export const MAX_NAME_LENGTH = 255
export const MAX_NAME_COMPONENTS = 32
export const MAX_TAG_LENGTH = 128
/** The namespace of one-part names, as on Docker Hub. */
export const LIBRARY = 'library/'

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Parses a repository name; a one-part name is `library/<name>`. Refuses `name-invalid`. */
export function parseRepoName(text: string): RepoName {
  if (text.length > MAX_NAME_LENGTH) {
    throw refuse(
      'name-invalid',
      `the repository name has ${text.length} characters; at most ${MAX_NAME_LENGTH} are allowed`,
    )
  }
  if (!NAME.test(text)) {
    throw refuse(
      'name-invalid',
      `${JSON.stringify(text)} is not a repository name; use lower-case letters and digits, with . _ __ or any number of - between them, parts separated by /`,
    )
  }
  const name = text.includes('/') ? text : LIBRARY + text
  if (name.length > MAX_NAME_LENGTH) {
    throw refuse(
      'name-invalid',
      `the repository name ${JSON.stringify(name)} has ${name.length} characters; at most ${MAX_NAME_LENGTH} are allowed`,
    )
  }
  let parts = 1
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) parts++
  if (parts > MAX_NAME_COMPONENTS) {
    throw refuse(
      'name-invalid',
      `the repository name has ${parts} parts; at most ${MAX_NAME_COMPONENTS} are allowed`,
    )
  }
  return name as RepoName
}

/** Whether the text is a tag. */
export function isTag(text: string): text is Tag {
  return TAG.test(text)
}

/** Parses a tag. Refuses `tag-invalid`. */
export function parseTag(text: string): Tag {
  if (isTag(text)) return text
  throw refuse(
    'tag-invalid',
    `${JSON.stringify(text.slice(0, MAX_TAG_LENGTH + 32))} is not a tag; use at most ${MAX_TAG_LENGTH} letters, digits, _ . or -, not starting with . or -`,
  )
}

/** Parses what stands behind `/manifests/`: with a colon it is a digest. Refuses `digest-invalid`, `tag-invalid`. */
export function parseReference(text: string): Reference {
  return text.includes(':') ? { digest: parseDigest(text) } : { tag: parseTag(text) }
}

/** Parses an upload id, or undefined where the text cannot be one. */
export function tryParseUploadId(text: string): UploadId | undefined {
  return UUID.test(text) ? (text as UploadId) : undefined
}
