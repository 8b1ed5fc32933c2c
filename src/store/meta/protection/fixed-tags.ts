import type { Tag } from '../../../core/names.ts'
import { fitsTagPatterns } from '../../../core/tag-patterns.ts'
import type { Tx } from '../driver.ts'
import type { RepoRow } from '../repositories.ts'
import type { DeleteOutcome } from '../store.ts'

/** Patterns as they stand in a column; NULL: none. */
export function patternsIn(json: string | null): readonly string[] {
  return json === null ? [] : (JSON.parse(json) as readonly string[])
}

/** Which tags may neither move nor go, by the patterns of a repository. */
export function fixedTags(immutable: RepoRow['immutable']): (tag: Tag) => boolean {
  const patterns = patternsIn(immutable)
  return patterns.length === 0 ? () => false : (tag) => fitsTagPatterns(tag, patterns)
}

const PROTECTION = 'SELECT reason FROM manifest_protection WHERE repo_id = $1 AND manifest_id = $2'
const TAGS = 'SELECT name FROM tag WHERE repo_id = $1 AND manifest_id = $2'

/** What keeps a manifest from being deleted; the repository is held alone. */
export async function findKeeper(
  tx: Tx,
  { id, immutable }: RepoRow,
  manifest: number,
): Promise<DeleteOutcome | undefined> {
  const protection = await tx.get<{ reason: string }>(PROTECTION, [id, manifest])
  if (protection !== undefined) return { outcome: 'protected', ...protection }
  if (patternsIn(immutable).length === 0) return undefined
  const isFixed = fixedTags(immutable)
  const tags = await tx.all<{ name: Tag }>(TAGS, [id, manifest])
  const tag = tags.find(({ name }) => isFixed(name))?.name
  return tag && { outcome: 'immutable', tag }
}
