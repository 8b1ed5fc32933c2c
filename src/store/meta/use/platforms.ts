import type { Digest } from '../../../core/digest.ts'

const PART = /^[A-Za-z0-9._-]{1,32}$/

/** The platforms that an index gives its children, as `os/architecture/variant`; `''` for a child without. Never throws. */
export function platformsIn(payload: Uint8Array): Map<Digest, string> {
  const platforms = new Map<Digest, string>()
  for (const child of childrenOf(payload)) {
    const { digest, platform } = child
    if (typeof digest === 'string') platforms.set(digest as Digest, platformText(platform))
  }
  return platforms
}

interface Child {
  readonly digest?: unknown
  readonly platform?: unknown
}

function childrenOf(payload: Uint8Array): Child[] {
  try {
    const { manifests } = JSON.parse(Buffer.from(payload).toString('utf8')) as { manifests?: unknown }
    if (!Array.isArray(manifests)) return []
    return manifests.filter((child) => typeof child === 'object' && child !== null)
  } catch {
    // It was looked at when it was pushed; whatever this is, it has no platforms.
    return []
  }
}

function platformText(platform: unknown): string {
  if (typeof platform !== 'object' || platform === null) return ''
  const { os, architecture, variant } = platform as Readonly<Record<string, unknown>>
  const parts = variant === undefined || variant === '' ? [os, architecture] : [os, architecture, variant]
  return parts.every((part) => typeof part === 'string' && PART.test(part)) ? parts.join('/') : ''
}
