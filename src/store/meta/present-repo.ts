/**
 * The id of the repository that a name leads to: the one of that name, else the one that had it before. `name` is a placeholder. Old names
 * are only looked at where the name is nothing's, so that a hit asks no more than before.
 */
export const repoIdOf = (name: string) =>
  `coalesce((SELECT id FROM repo WHERE name = ${name}), (SELECT repo_id FROM repo_alias WHERE name = ${name}))`
