//! Tests that must pass on a simulated API server and on a real one: each is a separate test on the first, and all of them are one test
//! on the second, which takes long to start.

use std::path::Path;

use k8s_sim::kubelet::Kubelet;
use kube::config::{KubeConfigOptions, Kubeconfig};
use xtask::control_plane::ControlPlane;
use xtask::required;

use crate::rights;
use crate::stage::Stage;

macro_rules! scenarios {
    ($($module:ident: $($name:ident,)*;)*) => {
        mod simulated {
            $($(
                #[tokio::test]
                async fn $name() {
                    let (_sim, stage, agent) = crate::stage::Stage::simulated().await;
                    crate::$module::$name(&stage).await;
                    agent.left().await;
                }
            )*)*
        }

        async fn all(stage: &Stage) {
            $($(
                println!("{}", stringify!($name));
                crate::$module::$name(stage).await;
            )*)*
        }
    };
}

scenarios! {
    reads:
        lists_show_what_is_there,
        a_list_of_another_cluster_is_refused,
        pages_of_selected_namespaces_name_no_others,
        all_filters_must_match,
        pages_together_are_the_list,
        pods_and_events_are_those_of_the_deployment,
        one_workload_is_read_whole,
        what_does_not_exist_is_not_found,
        a_rollout_that_hangs_names_its_problem,;
    changes:
        created_changed_and_deleted_deployments_are_published,
        changes_that_a_list_does_not_show_are_not_published,;
    fleet_query:
        a_fleet_query_returns_and_counts_only_visible_and_matching_deployments,
        a_cluster_that_is_not_selected_or_not_visible_does_not_answer,
        pages_in_every_order_show_each_deployment_once,
        an_invalid_fleet_query_is_refused_on_its_reply_subject,
        two_agents_of_a_cluster_answer_once,;
    trouble:
        a_crash_loop_is_reported_with_its_exit_code_until_it_is_fixed,
        an_image_that_cannot_be_pulled_is_no_progress,
        pods_that_are_never_ready_are_the_reason_of_a_rollout_that_has_failed,
        a_start_that_goes_well_is_never_degraded,;
    restart:
        a_restart_replaces_every_pod,
        a_revision_says_why_it_was_made_and_a_scale_leaves_that_as_it_is,
        a_paused_deployment_is_not_restarted,
        one_restart_delivered_five_times_is_one_rollout_and_after_a_newer_one_none,
        a_restart_time_in_the_future_stops_no_restart,
        restarts_in_a_row_are_each_carried_out,
        an_earlier_restart_is_found_behind_newer_ones,
        a_mutation_that_was_not_carried_out_is_fenced_before_that_is_reported,
        a_restart_that_was_undone_since_still_counts_as_carried_out,
        the_outcome_on_a_deleted_or_recreated_deployment_is_unknown,
        a_deployment_that_is_written_all_the_time_is_restarted,
        a_restart_after_its_deadline_patches_nothing,
        a_restart_meant_for_another_cluster_patches_nothing,
        restarts_at_once_are_one_rollout,;
    pause:
        a_pause_is_carried_out_once_and_one_that_is_paused_stays_so,
        what_was_changed_while_paused_rolls_out_when_resumed,;
    scale:
        a_scale_is_carried_out_once_and_its_pods_follow,
        a_scale_that_expects_other_replicas_changes_nothing,
        a_paused_deployment_is_scaled,;
    kinds:
        each_kind_is_listed_counted_and_read,
        a_restart_of_each_kind_replaces_every_pod_once,
        each_kind_has_the_changes_that_kubernetes_has_for_it,
        pods_that_have_to_be_deleted_by_hand_are_said_and_are_no_trouble,
        the_log_of_each_kind_has_all_its_pods,;
    image:
        images_are_changed_once_and_roll_out,
        an_unknown_container_leaves_every_image_as_it_is,
        images_of_a_paused_deployment_roll_out_when_it_is_resumed,;
    undo:
        a_deployment_goes_back_to_exactly_what_it_was,
        a_stateful_set_goes_back_to_exactly_what_it_was,
        a_daemon_set_goes_back_to_exactly_what_it_was,
        a_paused_deployment_is_not_undone,
        an_undo_of_what_was_applied_warns,
        templates_are_listed_without_their_secrets,;
    logs:
        the_last_lines_of_all_containers_are_merged_by_time,
        a_run_that_never_was_is_a_problem_of_its_container_alone,
        a_followed_log_flows_by_credit_and_shows_pods_that_come_later,
        a_followed_log_ends_with_its_deployment,
        a_container_without_lines_is_named_and_says_why,
        one_pod_is_read_alone,
        a_window_of_a_log_has_an_end,;
}

#[tokio::test]
async fn with_a_real_api_server_and_the_projects_own_rights() {
    let plane = ControlPlane::start().await.unwrap();
    let Some(plane) = required::or_skip(plane, "control plane") else {
        return;
    };
    let admin = client(plane.admin_kubeconfig()).await;
    let _node = Kubelet::start(admin.clone()).await.unwrap();
    let kubeconfig = rights::of_the_agent(&plane).await;

    let stage = Stage::new(admin, &kubeconfig).await;
    let agent = stage.agent();
    let info = stage.ready().await;
    assert!(info.conditions.is_empty(), "{:?}", info.conditions);
    all(&stage).await;
    crate::trouble::what_refuses_the_pods_is_the_reason_before_the_deadline_and_after_it(&stage)
        .await;
    agent.left().await;
}

pub async fn client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
    // kube selects a crypto provider by itself only if exactly one is compiled in.
    drop(rustls::crypto::ring::default_provider().install_default());
    kube::Client::try_from(config.await.expect("a configuration")).expect("a client")
}
