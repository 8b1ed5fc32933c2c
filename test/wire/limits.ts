import type { WireLimits } from '../../src/oci/limits.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** The program's defaults. */
export const DEFAULT_WIRE_LIMITS: WireLimits = {
  maxManifestBytes: 4 * MiB,
  maxTagParameters: 50,
  maxRanges: 1024,
  maxRangeFactor: 2,
  maxPage: 1000,
  catalogPage: 100,
  streamPage: 10_000,
  referrersPageBytes: 3.5 * MiB,
  searchPage: 25,
  maxSearchPage: 100,
  maxSearchTerm: 256,
  maxUrlLength: 16 * KiB,
  maxTokenBody: 64 * KiB,
  maxUnreadBody: 64 * KiB,
}
