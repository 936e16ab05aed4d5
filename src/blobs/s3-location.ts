/** Where the objects are, and how to ask for them. */
export interface S3Location {
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  readonly region: string;
  /** Scheme, host and port; null: AWS's for the region. */
  readonly endpoint: string | null;
  /** Whether the bucket is the first part of the path, not of the host. */
  readonly pathStyle: boolean;
}

/** The address of the bucket, without a slash at its end. */
export function bucketUrl({ bucket, region, endpoint, pathStyle }: S3Location): string {
  const base = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (pathStyle) return `${base.origin}/${bucket}`;
  return `${base.protocol}//${bucket}.${base.host}`;
}
