//! One suite, two servers: the behaviour in which the simulator must match a real API server. Each contract runs on the simulator as a
//! separate test, and all of them on a real kube-apiserver with its controller manager, where `k8s_sim::kubelet` acts as the node.
#![expect(
    clippy::unwrap_used,
    reason = "contracts are test bodies, but not marked as tests themselves"
)]

mod bodies;
mod creating;
mod daemons;
mod etcd;
mod faces;
mod fixtures;
mod forgetting;
mod logs;
mod paging;
mod patching;
mod plain;
mod rollouts;
mod selecting;
mod server;
mod stateful;
mod traces;
mod troubles;
mod watching;
mod writing;

use std::future::Future;
use std::pin::Pin;

use std::time::Duration;

use server::{Real, Server};
use tokio::task::LocalSet;
use tokio::time::timeout;

/// For all contracts at once on one real control plane.
const PATIENCE: Duration = Duration::from_secs(180);

type Contract = fn(Server) -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! contracts {
    ($($module:ident: $($name:ident),+ $(,)?;)+) => {
        mod simulated {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let simulated = crate::server::Simulated::start().await;
                    crate::$module::$name(simulated.server().await).await;
                }
            )+)+
        }

        const ALL: &[(&str, Contract)] = &[
            $($((stringify!($name), |server| Box::pin($module::$name(server))),)+)+
        ];
    };
}

contracts! {
    paging: pages_show_one_resource_version, a_selected_list_does_not_count_what_remains,
        an_invalid_continue_token_is_refused, a_list_of_the_future_is_not_given;
    selecting: labels_are_selected_by_equality_and_by_set, fields_are_selected,
        an_invalid_selector_is_refused;
    faces: list_items_have_no_kind_of_their_own, metadata_alone_can_be_requested,
        a_missing_object_is_named, paths_outside_the_api_are_not_found, discovery_lists_what_is_served;
    watching: a_watch_goes_on_where_a_list_ended, what_leaves_a_selection_is_deleted,
        initial_events_end_with_a_bookmark, initial_events_need_to_be_recent_enough,
        a_watch_ends_after_its_timeout;
    bodies: a_body_that_is_not_json_is_refused, a_body_of_another_kind_is_refused,
        a_field_of_the_wrong_type_is_refused, an_unknown_field_is_dropped,
        another_media_type_is_refused;
    creating: a_name_is_taken_once, names_can_be_generated, a_bad_name_is_refused,
        a_missing_namespace_is_named, defaults_are_filled_in, a_deployment_needs_a_fitting_selector;
    writing: a_selector_cannot_change, an_old_version_does_not_overwrite,
        the_spec_and_a_deployments_annotations_make_a_generation, a_write_that_changes_nothing_is_none,
        a_dry_run_leaves_nothing, a_deletion_returns_what_it_deleted, a_deletion_can_be_conditional,
        the_status_is_written_apart;
    patching: a_restart_is_a_strategic_patch, strategic_lists_merge_by_name,
        a_merge_patch_replaces_lists_and_removes_nulls, a_json_patch_can_test,
        a_patch_can_name_the_version_it_is_for, an_unknown_patch_is_refused,
        a_patch_to_a_bad_object_is_refused, a_patch_cannot_rename, the_scale_is_a_resource_of_its_own;
    rollouts: a_new_deployment_gets_a_set_and_pods, a_restart_replaces_all_pods,
        an_earlier_template_gets_its_set_back, a_size_is_followed_without_a_rollout,
        the_recreate_strategy_leaves_a_gap, old_sets_are_forgotten_beyond_the_limit;
    traces: a_rollout_is_recorded_in_events, the_pods_of_each_set_are_recorded_in_events,
        a_deletion_takes_the_pods_along, a_deleted_pod_is_replaced;
    troubles: a_bad_image_hangs_until_the_deadline, a_paused_deployment_waits,
        an_unobserved_generation_shows, a_namespace_goes_with_all_that_is_in_it;
    logs: a_tail_is_the_end_of_the_log, timestamps_come_first_on_each_line, a_log_can_begin_later,
        a_log_can_be_cut, a_followed_log_goes_on, the_container_must_be_clear,
        there_is_no_log_before_the_first_start, there_is_no_log_of_what_never_started,
        options_out_of_range_are_refused;
    stateful: a_stateful_set_gets_its_defaults, pods_are_numbered_and_carry_their_revision,
        pods_in_order_wait_for_each_other, parallel_pods_do_not_wait, a_restart_replaces_numbered_pods,
        pods_below_the_partition_keep_their_template, a_template_waits_until_pods_are_deleted,
        an_earlier_template_gets_its_revision_back, old_revisions_are_removed_beyond_the_limit,
        a_smaller_set_loses_its_highest_pods, most_of_a_stateful_set_cannot_change,
        a_bad_stateful_set_is_refused, a_broken_pod_holds_up_its_own_repair;
    daemons: a_daemon_set_gets_its_defaults, each_node_has_a_daemon, a_restart_replaces_daemons,
        a_surging_daemon_set_has_two_pods_on_a_node,
        daemons_wait_until_they_are_deleted, an_earlier_daemon_gets_its_revision_back,
        a_bad_daemon_set_is_refused, a_template_has_a_generation_of_its_own;
    plain: autoscalers_and_budgets_are_stored, any_workload_can_be_patched_without_effect,
        any_workload_is_patched_for_a_version, any_workload_goes_with_its_pods;
    forgetting: a_compacted_version_is_gone;
}

#[tokio::test]
async fn a_real_api_server_fulfils_the_same_contracts() {
    let Some(real) = Real::start().await else {
        return;
    };
    let broken = LocalSet::new().run_until(broken_contracts(&real)).await;
    assert!(
        broken.is_empty(),
        "the real API server differs in {broken:#?}"
    );
}

async fn broken_contracts(real: &Real) -> Vec<&'static str> {
    let (with_a_past, forgetting): (Vec<_>, Vec<_>) = ALL
        .iter()
        .partition(|(name, _)| !name.contains("forgotten"));
    let mut broken = Vec::new();
    // Compaction disturbs the others, so it runs after them.
    for together in [with_a_past, forgetting] {
        let mut running = Vec::new();
        for (name, contract) in together {
            let contract = timeout(PATIENCE, contract(real.server().await));
            running.push((name, tokio::task::spawn_local(contract)));
        }
        for (name, contract) in running {
            if !matches!(contract.await, Ok(Ok(()))) {
                broken.push(name);
            }
        }
    }
    broken
}
