//! One list of scenarios on every runtime that there is an adapter for, over real sockets.
//!
//! A scenario is written once, for any [`coap_ws_driver::Runtime`]; each is a test of its own on each
//! runtime: `on_smol::loss::nobody_listens`. To add one, write it and name it in the list below.

mod blocks;
mod ending;
mod exchanges;
mod limits;
mod loss;
mod observing;
mod roles;
mod support;
mod tls;
#[path = "../tls_support/mod.rs"]
mod tls_support;
mod wire;

/// Scenarios of one module as tests on one runtime.
macro_rules! each {
    ($runtime:ty, $module:ident: $($scenario:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $scenario() {
                    crate::support::run::<$runtime>(crate::$module::$scenario::<$runtime>());
                }
            )+
        }
    };
}

/// The list.
macro_rules! scenarios {
    ($runtime:ty) => {
        each!($runtime, exchanges:
            the_four_methods
            the_other_methods
            queries_formats_and_parameters
            discovery_lists_what_there_is
            many_in_flight_on_one_connection
            what_is_fast_overtakes_what_is_slow
            bodies_of_many_sizes
            a_handler_that_panics_is_5_00
            a_handler_that_never_answers_is_5_03
            a_request_has_a_time_of_its_own
            dropped_requests_leave_the_connection_whole
            pings_with_and_without_custody
            one_endpoint_asks_two_hosts
        );
        each!($runtime, observing:
            ten_states_each_as_it_comes
            of_many_changes_the_last_is_seen
            dropping_it_deregisters
            an_error_ends_it
            two_clients_see_the_same
            what_cannot_be_observed_answers_once
            one_observer_more_than_there_may_be
            large_states_come_whole
            a_lost_connection_ends_it
            it_comes_back_after_a_loss
            it_comes_back_with_its_server
            a_server_observes_its_client
        );
        each!($runtime, blocks:
            a_mebibyte_goes_up_and_down
            a_byte_more_than_the_server_takes_is_4_13
            a_size_of_the_servers_own
            a_size_of_the_clients_own
            a_server_without_blocks_says_4_02
            a_body_that_comes_as_a_stream
            both_ends_with_large_bodies_at_once
            the_wire_is_cut_in_the_middle_of_a_body
            uploads_that_are_given_up_give_way
        );
        each!($runtime, roles:
            a_handler_asks_its_own_client
            a_client_that_serves_nothing_says_5_01
            a_device_dials_out_and_is_asked
            both_ask_at_once
            who_connects_and_who_leaves_is_known
            a_client_is_told_its_name_and_address
        );
        each!($runtime, ending:
            a_client_releases
            a_release_waits_for_what_is_begun
            the_last_clone_takes_the_connection_along
            a_shutdown_answers_what_it_has_taken
            a_shutdown_does_not_wait_for_ever
            a_hold_off_is_kept
            an_alternative_is_followed_where_that_is_wanted
            an_abort_ends_everything_at_once
            the_next_request_dials_again
        );
        each!($runtime, loss:
            the_name_is_unknown
            nobody_listens
            the_server_says_nothing
            the_server_closes_before_it_answers
            the_server_closes_within_its_answer
            the_server_answers_something_else
            the_server_goes_before_its_csm
            the_server_never_sends_its_csm
            the_server_goes_with_a_request_in_its_hands
            the_server_goes_within_a_frame
            the_server_resets_the_connection
            the_server_is_silent_and_given_up
            keepalives_hold_an_idle_connection
            a_cut_wire_is_told_to_both_ends
            a_client_goes_within_its_handshake
            a_client_goes_within_a_message
            a_client_that_reads_nothing_is_given_up
        );
        each!($runtime, limits:
            one_connection_more_waits_for_a_place
            one_connection_more_of_an_address_is_closed
            a_newcomer_drops_the_oldest_in_its_handshake
            one_request_more_is_5_03
            one_request_more_of_ours_waits
            a_message_at_the_limit_and_one_above
            a_client_that_dribbles_its_handshake_is_408
            a_head_that_is_too_large_is_431
            no_csm_in_time_is_an_abort
            a_request_before_the_csm_is_an_abort
            a_text_message_is_an_abort
            a_foreign_origin_is_403
            a_foreign_host_is_refused
            the_application_has_the_last_word
            a_port_is_bound_once
        );
        each!($runtime, tls:
            both_roles_and_a_large_body
            another_name
            an_unknown_authority
            a_certificate_of_yesterday
            client_certificates
            tls_and_plain_do_not_mix
            a_server_that_says_nothing
            a_client_that_says_nothing
            a_wire_that_is_cut
            a_certificate_is_reloaded
        );
    };
}

mod on_tokio {
    scenarios!(coap_ws_tokio::Tokio);
}

mod on_async_std {
    scenarios!(coap_ws_async_std::AsyncIo<coap_ws_async_std::AsyncStd>);
}

mod on_smol {
    scenarios!(coap_ws_async_std::AsyncIo<coap_ws_async_std::Smol>);
}
