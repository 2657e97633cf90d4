/** What lies over the page. Its code comes when it is first wanted. */
class Overlays {
  palette = $state(false);
  keys = $state(false);
}

export const overlays = new Overlays();
