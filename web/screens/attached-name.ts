/** As `isAttachedTag` of the server has it: no name of an image, but of what belongs to one. */
export function isAttachedName(name: string): boolean {
  return /^sha(?:256|512)-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?$/.test(name);
}
