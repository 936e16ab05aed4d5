import {
  deleteProjectsWebhooksOfProjectWebhook,
  deleteWebhooksOfWebhook,
  getProjectsWebhooksDeliveriesOfProjectWebhook,
  getProjectsWebhooksDeliveriesOfProjectWebhookDelivery,
  getProjectsWebhooksOfProject,
  getWebhooks,
  getWebhooksDeliveriesOfWebhook,
  getWebhooksDeliveriesOfWebhookDelivery,
  patchProjectsWebhooksOfProjectWebhook,
  patchWebhooksOfWebhook,
  postProjectsWebhooksDeliveriesRedeliverOfProjectWebhookDelivery,
  postProjectsWebhooksOfProject,
  postProjectsWebhooksReplayOfProjectWebhook,
  postProjectsWebhooksTestOfProjectWebhook,
  postWebhooks,
  postWebhooksDeliveriesRedeliverOfWebhookDelivery,
  postWebhooksReplayOfWebhook,
  postWebhooksTestOfWebhook,
} from "../../client/operations.ts";

type Call<Operation> = Operation extends (...asked: infer Asked) => infer Answer
  ? (...asked: Asked) => Answer
  : Operation;

/** The same is asked for of a project, and (null) of the whole registry. */
export function webhooksIn(project: string | null): {
  readonly [Name in keyof typeof ofRegistry]: Call<(typeof ofRegistry)[Name]>;
} {
  if (project === null) return ofRegistry;
  const inIt = { project };
  return {
    key: `webhooks ${project}`,
    list: (input) => getProjectsWebhooksOfProject({ ...inIt, ...input }),
    make: (input) => postProjectsWebhooksOfProject({ ...inIt, ...input }),
    change: (input, options) =>
      patchProjectsWebhooksOfProjectWebhook({ ...inIt, ...input }, options),
    remove: (input) => deleteProjectsWebhooksOfProjectWebhook({ ...inIt, ...input }),
    test: (input) => postProjectsWebhooksTestOfProjectWebhook({ ...inIt, ...input }),
    replay: (input) => postProjectsWebhooksReplayOfProjectWebhook({ ...inIt, ...input }),
    deliveries: (input) => getProjectsWebhooksDeliveriesOfProjectWebhook({ ...inIt, ...input }),
    delivery: (input) =>
      getProjectsWebhooksDeliveriesOfProjectWebhookDelivery({ ...inIt, ...input }),
    redeliver: (input) =>
      postProjectsWebhooksDeliveriesRedeliverOfProjectWebhookDelivery({ ...inIt, ...input }),
  };
}

const ofRegistry = {
  /** Begins the names of what is read. */
  key: "webhooks of the registry",
  list: getWebhooks,
  make: postWebhooks,
  change: patchWebhooksOfWebhook,
  remove: deleteWebhooksOfWebhook,
  test: postWebhooksTestOfWebhook,
  replay: postWebhooksReplayOfWebhook,
  deliveries: getWebhooksDeliveriesOfWebhook,
  delivery: getWebhooksDeliveriesOfWebhookDelivery,
  redeliver: postWebhooksDeliveriesRedeliverOfWebhookDelivery,
};

export type Webhook = Awaited<ReturnType<typeof getWebhooks>>["items"][number];
export type Delivery = Awaited<ReturnType<typeof getWebhooksDeliveriesOfWebhook>>["items"][number];
