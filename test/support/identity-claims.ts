/** Claims as the systems document them, without those that tell time and audience. */

/**
 * https://docs.github.com/en/actions/reference/security/oidc, "Understanding the OIDC token": the example
 * token, whose environment is left out so that its subject names the branch, as the page has it.
 */
export const github = {
  url: "https://token.actions.githubusercontent.com",
  claims: {
    jti: "example-id",
    sub: "repo:octo-org/octo-repo:ref:refs/heads/main",
    ref: "refs/heads/main",
    sha: "example-sha",
    repository: "octo-org/octo-repo",
    repository_owner: "octo-org",
    actor_id: "12",
    repository_visibility: "private",
    repository_id: "74",
    repository_owner_id: "65",
    run_id: "example-run-id",
    run_number: "10",
    run_attempt: "2",
    runner_environment: "github-hosted",
    actor: "octocat",
    workflow: "example-workflow",
    head_ref: "",
    base_ref: "",
    event_name: "workflow_dispatch",
    ref_type: "branch",
    job_workflow_ref: "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
  },
} as const;

/** https://docs.gitlab.com/ci/secrets/id_token_authentication/, "Token payload". */
export const gitlab = {
  url: "https://gitlab.example.com",
  claims: {
    jti: "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
    sub: "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1",
    namespace_id: "72",
    namespace_path: "my-group",
    project_id: "20",
    project_path: "my-group/my-project",
    user_id: "1",
    user_login: "sample-user",
    user_email: "sample-user@example.com",
    pipeline_id: "574",
    pipeline_source: "push",
    job_id: "302",
    ref: "feature-branch-1",
    ref_type: "branch",
    ref_path: "refs/heads/feature-branch-1",
    ref_protected: "false",
    groups_direct: ["mygroup/mysubgroup", "myothergroup/myothersubgroup"],
    environment: "test-environment2",
    environment_protected: "false",
    deployment_tier: "testing",
    environment_action: "start",
    runner_id: 1,
    runner_environment: "self-hosted",
    sha: "714a629c0b401fdce83e847fc9589983fc6f46bc",
    project_visibility: "public",
    ci_config_ref_uri: "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
    ci_config_sha: "714a629c0b401fdce83e847fc9589983fc6f46bc",
  },
} as const;

/**
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/, "Schema for service
 * account private claims": the example of a token that is bound to a pod.
 */
export const kubernetes = {
  url: "https://my-cluster.example.com",
  claims: {
    jti: "aed34954-b33a-4142-b1ec-389d6bbb4936",
    sub: "system:serviceaccount:my-namespace:my-serviceaccount",
    "kubernetes.io": {
      namespace: "my-namespace",
      node: { name: "my-node", uid: "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1" },
      pod: { name: "my-pod", uid: "5e0bd49b-f040-43b0-99b7-22765a53f7f3" },
      serviceaccount: { name: "my-serviceaccount", uid: "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798" },
    },
  },
} as const;
