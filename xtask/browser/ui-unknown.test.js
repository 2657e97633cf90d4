// An unknown state is never shown as healthy: of an offline cluster, of deployments outside the loaded rows, and of crashing pods.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { violations } from "./accessible.js";
import { launch } from "./chromium.js";
import { eventually, signIn, startDemo } from "./demo.js";
import { breakImage, patch } from "./simulator.js";
import { GONE_WITHIN, openUi } from "./ui.js";

let demo;
let browser;

before(async () => {
  demo = await startDemo(
    "--clusters",
    "6",
    "--namespaces",
    "2",
    "--deployments",
    "40",
  );
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

async function open(t, path) {
  const page = await openUi(browser, demo, { path });
  t.after(() => page.context().close());
  return page;
}

/** A healthy deployment, in a cluster. */
async function healthy(cluster, sort = "name") {
  const { items } = await (
    await signIn(demo)
  ).get(`/deployments?cluster=${cluster}&health=healthy&limit=1&sort=${sort}`);
  return items[0];
}

const idOf = ({ cluster, namespace, deployment_name: name }) =>
  `${cluster}/${namespace}/${name}`;

const pathOf = ({ cluster, namespace, deployment_name: name }) =>
  `workloads/${cluster}/${namespace}/Deployment/${name}`;

test("once its cluster is offline nothing of a deployment is shown as current, on any page", async (t) => {
  const deployment = await healthy("cluster-b");
  const { deployment_name: name, namespace } = deployment;
  const search = `workloads?q=cluster:cluster-b ns:${namespace} ${name}`;
  const screens = {
    page: await open(t, pathOf(deployment)),
    drawer: await open(t, `${search}&open=${idOf(deployment)}`),
    table: await open(t, search),
    telephone: await open(t, search),
    log: await open(t, `${pathOf(deployment)}/logs`),
  };
  await screens.telephone.setViewportSize({ width: 390, height: 844 });
  const good = (page) => page.locator("main .state.good, main .live");
  for (const page of Object.values(screens)) {
    await good(page).first().waitFor();
  }
  const pid = demo.pids["agent cluster-b"];
  process.kill(pid, "SIGSTOP");
  t.after(() => process.kill(pid, "SIGCONT"));
  for (const [screen, page] of Object.entries(screens)) {
    await eventually(
      `nothing is good: ${screen}`,
      async () => (await good(page).count()) === 0,
      GONE_WITHIN,
    );
    await page
      .locator("main")
      .getByText(/offline|^was healthy$/)
      .filter({ visible: true })
      .first()
      .waitFor();
    assert.deepEqual(await violations(page), [], screen);
  }
  for (const screen of ["page", "drawer"]) {
    await screens[screen].getByText("was healthy").first().waitFor();
    await screens[screen].getByText("was complete").first().waitFor();
    await screens[screen]
      .getByRole("region", { name: "Table of pods" })
      .getByText("was Running")
      .first()
      .waitFor();
    await screens[screen].getByText(/last known \d+ (s|min) ago/).waitFor();
  }
  process.kill(pid, "SIGCONT");
  for (const [screen, page] of Object.entries(screens)) {
    await eventually(
      `it is good again: ${screen}`,
      async () => (await good(page).count()) > 0,
    );
  }
});

/** The number of healthy deployments in the filters above the table. */
async function healthyIn(page) {
  const text = await page
    .getByRole("group", { name: "Filter by health" })
    .getByRole("button", { name: "healthy" })
    .innerText();
  return Number(text.replace(/\D/g, ""));
}

test("changes beyond the loaded rows are in the totals without a reload", async (t) => {
  const page = await open(t, "workloads?sort=name");
  await page.getByText(/^240 workloads$/).waitFor();
  const session = await signIn(demo);
  const inFleet = async () =>
    (await session.get("/workloads?limit=1")).totals.health;
  const follow = async () =>
    (await healthyIn(page)) === (await inFleet()).healthy;
  const { healthy: before } = await eventually(
    "every cluster is heard",
    async () => {
      const health = await inFleet();
      return !health.unknown && health;
    },
  );
  await eventually("the totals are those of the fleet", follow);
  await breakImage(demo, await healthy("cluster-f", "-name"));
  await eventually(
    "the fleet has one less",
    async () => (await inFleet()).healthy < before,
  );
  await eventually("the totals follow", follow);
});

test("changes while more rows are loaded are counted, and shown on request", async (t) => {
  const page = await open(t, "workloads?sort=name");
  await page.getByText(/^240 workloads$/).waitFor();
  const more = page.waitForResponse((answer) =>
    answer.url().includes("continue="),
  );
  await page.locator('[role=row][data-index="0"]').focus();
  await page.keyboard.press("End");
  await more;
  const deployment = await healthy("cluster-e", "-name");
  await breakImage(demo, deployment);
  const note = page.getByRole("button", { name: /not shown yet/ });
  await note.waitFor();
  await eventually(
    "each change, also one that came after the others were shown, is shown",
    async () => {
      for (const button of await note.elementHandles())
        await button.click({ timeout: 1_000 }).catch(() => {});
      return (await note.count()) === 0;
    },
  );
});

test("a name that is taken is reported while it is typed, and nothing is reported as joined", async (t) => {
  const page = await open(t, "?add");
  const dialog = page.getByRole("dialog", { name: "Add a cluster" });
  await dialog.getByLabel("Name").fill("cluster-c");
  await dialog.getByText("cluster-c is in the fleet already: online").waitFor();
  assert.deepEqual(await violations(page), []);
  await dialog
    .getByRole("button", {
      name: "Make the command for cluster-c’s new credential",
    })
    .click();
  await dialog
    .getByText("use the new credential once the command has been run")
    .waitFor();
  assert.equal(await dialog.getByText("has joined").count(), 0);
});

test("a command that has not been run yet is listed, and joins nothing once withdrawn", async (t) => {
  const page = await open(t, "?add");
  const dialog = page.getByRole("dialog", { name: "Add a cluster" });
  await dialog.getByLabel("Name").fill("cluster-new");
  await dialog.getByRole("button", { name: "Make the command" }).click();
  const command = await dialog.getByText("curl -fsS").innerText();
  await dialog.getByText("Close", { exact: true }).click();
  const waiting = page
    .getByRole("region", { name: /Commands not run yet/ })
    .getByRole("listitem")
    .filter({ hasText: "cluster-new" });
  await waiting
    .getByText(/^Lets it join. Created by admin, expires in 1[45] min.$/)
    .waitFor();
  assert.deepEqual(await violations(page), []);
  await waiting
    .getByRole("button", { name: "Withdraw the invitation of cluster-new" })
    .click();
  await waiting.waitFor({ state: "detached" });
  const path = new URL(/'(http[^']+)'/.exec(command)[1]).pathname;
  const late = await fetch(demo.url + path, { method: "POST" });
  assert.match(await late.text(), /invitation_unknown/);
});

test("an offline cluster is removed where that is advised, after its name was typed", async (t) => {
  const page = await open(t, "");
  const pid = demo.pids["agent cluster-d"];
  process.kill(pid, "SIGSTOP");
  t.after(() => process.kill(pid, "SIGCONT"));
  const region = page.getByRole("region", { name: /Needs attention/ });
  await region
    .getByRole("button", { name: "Remove cluster-d" })
    .click({ timeout: GONE_WITHIN });
  const dialog = page.getByRole("dialog", { name: "Remove cluster-d?" });
  const confirm = dialog.getByRole("button", { name: "Remove the cluster" });
  await dialog.getByLabel(/^Type cluster-d/).fill("cluster-");
  assert.equal(await confirm.isDisabled(), true);
  assert.deepEqual(await violations(page), []);
  await dialog.getByLabel(/^Type cluster-d/).fill("cluster-d");
  await confirm.click();
  await dialog.waitFor({ state: "detached" });
  await region.getByText("cluster-d").first().waitFor({ state: "detached" });
  await page
    .getByRole("grid", { name: "Clusters" })
    .getByText("cluster-d")
    .waitFor({ state: "detached" });
});

test("a crash loop needs attention, with its reason and without green", async (t) => {
  const { items } = await (
    await signIn(demo)
  ).get("/deployments?cluster=cluster-f&health=healthy&sort=name");
  const deployment = items.find(({ replicas }) => replicas > 1);
  const { namespace, deployment_name: name } = deployment;
  const page = await open(t, "");
  const containers = [{ name: "app", image: "shop/cart:out-of-memory" }];
  await patch(demo, deployment, {
    spec: { template: { spec: { containers } } },
  });
  const region = page.getByRole("region", { name: /Needs attention/ });
  await region.getByText(/workloads? (is|are) degraded\./).waitFor();
  assert.deepEqual(await violations(page), []);
  await region.getByRole("link", { name: "See why" }).click();
  const row = page
    .getByRole("row")
    .filter({ hasText: name })
    .filter({ hasText: namespace })
    .filter({ hasText: "cluster-f" });
  await row
    .getByText(/^CrashLoopBackOff, exit 137 \(OOMKilled\), \d+ restarts?;/)
    .waitFor();
  await row.getByText("degraded", { exact: true }).waitFor();
  await row.getByText(/^\d+\/\d+ new$/).waitFor();
  assert.equal(await row.locator(".state.good, .bar.full").count(), 0);
  assert.deepEqual(await violations(page), []);

  await page.goto(pathOf(deployment));
  const rollout = page.getByRole("region", { name: "Rollout" });
  await rollout
    .getByText(/^exit 137 \(OOMKilled\), \d+ restarts?/)
    .first()
    .waitFor();
});
