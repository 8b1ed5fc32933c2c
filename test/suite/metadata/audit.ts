/**
 * Statements that must find nothing, on both databases: the invariants of the metadata, and that whatever may have become
 * garbage stands in a queue, so that nothing leaks for ever.
 */
export const AUDIT: Readonly<Record<string, string>> = {
  'a link without a blob': 'SELECT 1 FROM repo_blob WHERE blob_id NOT IN (SELECT id FROM blob)',
  'a reference without a link': `SELECT 1 FROM manifest_blob r WHERE NOT EXISTS
    (SELECT 1 FROM repo_blob l WHERE l.repo_id = r.repo_id AND l.blob_id = r.blob_id)`,
  'a reference of no manifest': `SELECT 1 FROM manifest_blob r WHERE NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = r.repo_id AND m.id = r.manifest_id)`,
  'a child or parent that is not there': `SELECT 1 FROM manifest_child c WHERE NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = c.repo_id AND m.id = c.parent_id) OR NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = c.repo_id AND m.id = c.child_id)`,
  'a tag on nothing': `SELECT 1 FROM tag t WHERE NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = t.repo_id AND m.id = t.manifest_id)`,
  'something waiting for no manifest': `SELECT 1 FROM manifest_missing w WHERE NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = w.repo_id AND m.id = w.manifest_id)`,
  'a child or subject that waits though it is there': `SELECT 1 FROM manifest_missing w
    JOIN manifest m ON m.repo_id = w.repo_id AND m.digest = w.digest WHERE w.kind IN (2, 3)`,
  'a layer or child that waits though its blob is there': `SELECT 1 FROM manifest_missing w
    JOIN blob b ON b.digest = w.digest JOIN repo_blob l ON l.repo_id = w.repo_id AND l.blob_id = b.id
    WHERE w.kind IN (1, 2)`,
  'a subject that is not there and does not wait': `SELECT 1 FROM manifest r
    WHERE r.subject IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repo_id = r.repo_id AND m.digest = r.subject)
    AND NOT EXISTS (SELECT 1 FROM manifest_missing w
      WHERE w.repo_id = r.repo_id AND w.manifest_id = r.id AND w.digest = r.subject AND w.kind = 3)`,
  'a link without a lease that nothing references': `SELECT 1 FROM repo_blob l WHERE l.lease_until IS NULL
    AND NOT EXISTS (SELECT 1 FROM manifest_blob r WHERE r.repo_id = l.repo_id AND r.blob_id = l.blob_id)`,
  'a link with a lease that something references': `SELECT 1 FROM repo_blob l WHERE l.lease_until IS NOT NULL
    AND EXISTS (SELECT 1 FROM manifest_blob r WHERE r.repo_id = l.repo_id AND r.blob_id = l.blob_id)`,
  'a leased link that nobody will review': `SELECT 1 FROM repo_blob l WHERE l.lease_until IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM gc_link g WHERE g.repo_id = l.repo_id AND g.blob_id = l.blob_id)`,
  'a loose manifest that nobody will review': `SELECT 1 FROM manifest m
    WHERE NOT EXISTS (SELECT 1 FROM tag t WHERE t.repo_id = m.repo_id AND t.manifest_id = m.id)
    AND NOT EXISTS (SELECT 1 FROM manifest_child c WHERE c.repo_id = m.repo_id AND c.child_id = m.id)
    AND NOT EXISTS (SELECT 1 FROM manifest s WHERE s.repo_id = m.repo_id AND s.digest = m.subject)
    AND NOT EXISTS (SELECT 1 FROM manifest_protection p WHERE p.repo_id = m.repo_id AND p.manifest_id = m.id)
    AND NOT EXISTS (SELECT 1 FROM gc_manifest g WHERE g.repo_id = m.repo_id AND g.manifest_id = m.id)`,
  'a review of a link that is not there': `SELECT 1 FROM gc_link g WHERE NOT EXISTS
    (SELECT 1 FROM repo_blob l WHERE l.repo_id = g.repo_id AND l.blob_id = g.blob_id)`,
  'a review of a manifest that is not there': `SELECT 1 FROM gc_manifest g WHERE NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = g.repo_id AND m.id = g.manifest_id)`,
  'a review of a blob that is not there': 'SELECT 1 FROM gc_blob WHERE blob_id NOT IN (SELECT id FROM blob)',
  'a change that left a manifest which is gone': `SELECT 1 FROM tag_event e WHERE e.from_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repo_id = e.repo_id AND m.id = e.from_id)`,
  'a protection of no manifest': `SELECT 1 FROM manifest_protection p WHERE NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = p.repo_id AND m.id = p.manifest_id)`,
  'a use of no manifest': `SELECT 1 FROM manifest_use u WHERE NOT EXISTS
    (SELECT 1 FROM manifest m WHERE m.repo_id = u.repo_id AND m.id = u.manifest_id)`,
  'something of a repository that is gone': [
    'tag',
    'manifest',
    'repo_blob',
    'tag_event',
    'tag_use',
    'pull_day',
    'star',
  ]
    .map((table) => `SELECT 1 FROM ${table} WHERE repo_id NOT IN (SELECT id FROM repo)`)
    .join(' UNION ALL '),
  'a blob without a link that nobody will review': `SELECT 1 FROM blob b
    WHERE NOT EXISTS (SELECT 1 FROM repo_blob l WHERE l.blob_id = b.id)
    AND NOT EXISTS (SELECT 1 FROM gc_blob g WHERE g.blob_id = b.id)`,
  'a condemned object that a blob names': 'SELECT 1 FROM blob b JOIN tombstone t ON t.obj = b.obj',
  'a condemned object of an open session':
    'SELECT 1 FROM upload u JOIN tombstone t ON t.obj = u.obj WHERE u.state = 0',
  'a manifest in a repository that is not published': `SELECT 1 FROM manifest m
    JOIN repo r ON r.id = m.repo_id WHERE r.published_at IS NULL`,
}

/** Names what is wrong; empty when nothing is. */
export async function audit(sql: (text: string) => Promise<unknown[]>): Promise<string[]> {
  const wrong: string[] = []
  for (const [what, statement] of Object.entries(AUDIT))
    if ((await sql(`${statement} LIMIT 1`)).length > 0) wrong.push(what)
  return wrong
}

/** Takes the entries out of the queues that a review would find to be no garbage. */
export const REVIEW: readonly string[] = [
  `DELETE FROM gc_manifest WHERE EXISTS
    (SELECT 1 FROM tag t WHERE t.repo_id = gc_manifest.repo_id AND t.manifest_id = gc_manifest.manifest_id)
    OR EXISTS (SELECT 1 FROM manifest_child c
      WHERE c.repo_id = gc_manifest.repo_id AND c.child_id = gc_manifest.manifest_id)
    OR EXISTS (SELECT 1 FROM manifest m JOIN manifest s ON s.repo_id = m.repo_id AND s.digest = m.subject
      WHERE m.repo_id = gc_manifest.repo_id AND m.id = gc_manifest.manifest_id)`,
  `DELETE FROM gc_link WHERE EXISTS (SELECT 1 FROM manifest_blob r
    WHERE r.repo_id = gc_link.repo_id AND r.blob_id = gc_link.blob_id)`,
  'DELETE FROM gc_blob WHERE EXISTS (SELECT 1 FROM repo_blob l WHERE l.blob_id = gc_blob.blob_id)',
]
