/** The namespace of a repository's name: its first part. */
export function namespaceOf(repo: string): string {
  const slash = repo.indexOf('/')
  return slash < 0 ? repo : repo.slice(0, slash)
}
